import kafkajs from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Codec, guarded } from '../../src/event-log/kafka/undecodable.ts';
import type { KafkaLogOptions } from '../../src/event-log/kafka.ts';
import type { Consumption, Delivery, EventLog } from '../../src/event-log.ts';
import { done, recordDeliveries } from '../support/deliveries.ts';
import { kafkaBrokers, kafkaOptions, openLogs } from '../support/kafka.ts';
import { expireRecords, foreignClient, hasKcat, kcat, sendInTransaction, withAdmin } from '../support/kafka-foreign.ts';
import { eventually } from '../support/pipeline-driver.ts';

const { CompressionTypes } = kafkajs;
/** The types of kafkajs leave out that the types are the keys. */
const CompressionCodecs = kafkajs.CompressionCodecs as unknown as Record<kafkajs.CompressionTypes, () => Codec>;
const MIB = 1024 * 1024;

describe.skipIf(kafkaBrokers === null)('records on Kafka', () => {
  const brokers = kafkaBrokers ?? '';
  const logs = openLogs();
  let options: KafkaLogOptions;
  let log: EventLog;

  beforeEach(async () => {
    options = kafkaOptions(brokers, { partitions: 1 });
    log = await logs.open(options);
  });
  afterEach(() => logs.closeAll());

  async function consume(handler: Parameters<EventLog['consume']>[0], from = log): Promise<Consumption> {
    const consumption = await from.consume(handler);
    consumption.ended.catch(() => undefined);
    return consumption;
  }

  const texts = (delivered: Delivery[]): string[] =>
    delivered.flatMap(({ records }) => records.map(({ value }) => Buffer.from(value ?? '').toString()));

  const numbered = (count: number): string[] => Array.from({ length: count }, (_, n) => `value ${n} ${'x'.repeat(50)}`);

  describe.skipIf(!hasKcat)('from another client', () => {
    test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('codec %s is read', async (codec) => {
      const values = numbered(2000);
      await kcat(brokers, ['-t', log.topic, '-p', '0', '-z', codec], `${values.join('\n')}\n`);
      const seen = recordDeliveries();
      await consume(seen.handler);
      await seen.until('all records', () => seen.records().length >= values.length);
      expect(texts([...seen.deliveries])).toEqual(values);
    });

    test('a null key, a tombstone and headers come as they are', async () => {
      await kcat(brokers, ['-t', log.topic, '-p', '0', '-H', 'a=1', '-H', 'a=2', '-H', 'empty'], 'no key\n');
      await kcat(brokers, ['-t', log.topic, '-p', '0', '-K', ':', '-Z'], 'key:\n');
      const seen = recordDeliveries();
      await consume(seen.handler);
      await seen.until('both', () => seen.records().length === 2);
      const [first, second] = seen.records();
      expect(first?.key).toBeNull();
      expect(first?.headers.map(([name, value]) => [name, Buffer.from(value).toString()])).toEqual([
        ['a', '1'],
        ['a', '2'],
        ['empty', ''],
      ]);
      expect(second?.value).toBeNull();
      expect(Buffer.from(second?.key ?? '').toString()).toBe('key');
    });
  });

  test.each([
    ['snappy in the framing of Java clients', CompressionTypes.Snappy, xerialFramed],
    ['lz4', CompressionTypes.LZ4, null],
    ['gzip', CompressionTypes.GZIP, null],
  ])('%s written by kafkajs itself is read', async (_name, compression, compress) => {
    const codec = CompressionCodecs[compression];
    if (compress !== null) CompressionCodecs[compression] = () => ({ ...codec(), compress });
    const values = numbered(2000);
    const producer = foreignClient(brokers).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({ topic: log.topic, compression, messages: values.map((value) => ({ value })) });
    await producer.disconnect();
    CompressionCodecs[compression] = codec;
    const seen = recordDeliveries();
    await consume(seen.handler);
    await seen.until('all records', () => seen.records().length >= values.length);
    expect(texts([...seen.deliveries])).toEqual(values);
  });

  test('a batch that cannot be decompressed stops its partition only, skips nothing, and is read when it can be', async () => {
    options = kafkaOptions(brokers, { partitions: 2 });
    const lines: string[] = [];
    log = await logs.open({ ...options, log: (level, text) => void (level === 'error' && lines.push(text)) });
    const producer = foreignClient(brokers).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    const send = (partition: number, values: string[], compression = CompressionTypes.None) =>
      producer.send({ topic: log.topic, compression, messages: values.map((value) => ({ value, partition })) });
    await send(0, ['before']);
    await send(0, ['a', 'b', 'c'], CompressionTypes.LZ4);
    await send(0, ['after']);
    await send(1, ['other']);
    const codec = CompressionCodecs[CompressionTypes.LZ4];
    CompressionCodecs[CompressionTypes.LZ4] = () =>
      guarded({ ...codec(), decompress: () => Promise.reject(new TypeError('bad frame')) });
    try {
      const seen = recordDeliveries();
      await consume(seen.handler);
      await seen.until('what stands before, and the other partition', () => seen.records().length === 2);
      await eventually('the wait is told', () => lines.length > 0);
      await send(1, ['more']);
      await producer.disconnect();
      await seen.until('the other partition goes on', () => seen.records(1).length === 2);
      expect(texts(seen.deliveries.filter(({ partition }) => partition === 0))).toEqual(['before']);
      CompressionCodecs[CompressionTypes.LZ4] = codec;
      await seen.until('the rest', () => seen.records(0).length === 5);
      expect(texts(seen.deliveries.filter(({ partition }) => partition === 0))).toEqual([
        'before',
        'a',
        'b',
        'c',
        'after',
      ]);
    } finally {
      CompressionCodecs[CompressionTypes.LZ4] = codec;
    }
  });

  test('3 MiB of aborted records are passed over, and the records of a committed transaction are read', async () => {
    await log.append([{ key: null, value: Buffer.from('before') }]);
    const chunk = Buffer.alloc(MIB / 4, 'x');
    await sendInTransaction(brokers, log.topic, Array(12).fill(chunk), 'abort');
    await sendInTransaction(brokers, log.topic, [Buffer.from('committed')], 'commit');
    await log.append([{ key: null, value: Buffer.from('after') }]);
    const seen = recordDeliveries();
    await consume(seen.handler);
    await seen.until('all that counts', () => seen.records().length === 3);
    expect(texts([...seen.deliveries])).toEqual(['before', 'committed', 'after']);
  });

  test('records of an open transaction are no lag', async () => {
    await log.append([{ key: null, value: Buffer.from('before') }]);
    const producer = foreignClient(brokers).producer({
      transactionalId: `open-${log.topic}`,
      maxInFlightRequests: 1,
      idempotent: true,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic: log.topic, messages: [{ value: 'undecided', partition: 0 }] });
    expect(await log.watermarks()).toEqual([{ partition: 0, start: 0n, end: 1n }]);
    await transaction.abort();
    await producer.disconnect();
  });

  test('records that expired unread are left out, and a seek below the start is answered from the start', async () => {
    await log.append(Array.from({ length: 5 }, (_, n) => ({ key: null, value: Buffer.from(`${n}`) })));
    await expireRecords(brokers, { topic: log.topic, partition: 0, before: 3n });
    expect(await log.watermarks()).toEqual([{ partition: 0, start: 3n, end: 5n }]);
    const seen = recordDeliveries((delivery) =>
      seen.deliveries.length === 1 ? { do: 'seek', position: 1n } : done(delivery),
    );
    await consume(seen.handler);
    await seen.until('the start again', () => seen.deliveries.length === 2);
    expect(seen.deliveries[1]).toMatchObject({ fetchedFrom: 3n });
    expect(seen.deliveries[1]?.records.map(({ offset }) => offset)).toEqual([3n, 4n]);
  });

  test('more than a broker takes in one request is appended in order', async () => {
    const records = Array.from({ length: 12 }, (_, n) => ({ key: null, value: Buffer.alloc(MIB / 4, `${n}`) }));
    const positions = await log.append(records);
    expect(positions.map(({ offset }) => offset)).toEqual(records.map((_, n) => BigInt(n)));
  });

  test('of an append that fails in part, it is told which records are acknowledged', async () => {
    const two = await logs.open(kafkaOptions(brokers, { partitions: 2 }));
    const tooLarge = { key: Buffer.from('large'), value: Buffer.alloc(2 * MIB) };
    const [{ partition: taken = 0 } = {}] = await two.append([{ key: Buffer.from('large'), value: null }]);
    const other = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => ({ key: Buffer.from(key), value: Buffer.from(key) }));
    const failed = await two.append([tooLarge, ...other]).catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: 'AppendError', cause: { kind: 'data', code: 'MESSAGE_TOO_LARGE' } });
    const { acknowledged } = failed as { acknowledged: Array<{ partition: number } | null> };
    expect(acknowledged).toHaveLength(7);
    expect(acknowledged[0]).toBeNull();
    const kept = acknowledged.filter((position) => position !== null);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.every(({ partition }) => partition !== taken)).toBe(true);
  });

  test('an existing topic keeps its partitions, and partitions added later are appended to and delivered', async () => {
    const seen = recordDeliveries();
    const second = await logs.open({ ...options, partitions: 5 });
    expect(await second.watermarks()).toHaveLength(1);
    await withAdmin(brokers, (admin) => admin.createPartitions({ topicPartitions: [{ topic: log.topic, count: 3 }] }));
    // The next look at the log's ends finds them.
    await eventually('three partitions', async () => (await logPartitions()) === 3);
    const positions = await log.append(Array.from({ length: 9 }, () => ({ key: null, value: Buffer.from('x') })));
    expect(new Set(positions.map(({ partition }) => partition)).size).toBe(3);
    await consume(seen.handler);
    await seen.until('all of them', () => seen.records().length === 9);
  });

  /** Asked by a new client: one that exists looks for new partitions every five minutes only. */
  async function logPartitions(): Promise<number> {
    await log.close();
    log = await logs.open(options);
    // A partition just made has no leader for a moment.
    return (await log.watermarks().catch(() => [])).length;
  }
});

/** As snappy-java frames it: a magic, two versions, then blocks with their lengths. */
async function xerialFramed({ buffer }: { buffer: Buffer }): Promise<Buffer> {
  const { compress } = await import('snappyjs');
  const half = Math.floor(buffer.length / 2);
  const blocks = [buffer.subarray(0, half), buffer.subarray(half)].flatMap((block) => {
    const compressed = Buffer.from(compress(block));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(compressed.length);
    return [length, compressed];
  });
  return Buffer.concat([Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex'), ...blocks]);
}
