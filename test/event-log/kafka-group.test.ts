import { setTimeout } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KafkaLogOptions } from '../../src/event-log/kafka.ts';
import type { Consumption, Delivery, EventLog } from '../../src/event-log.ts';
import { type DeliveryRecorder, done, gate, recordDeliveries } from '../support/deliveries.ts';
import { kafkaBrokers, kafkaOptions, openLogs } from '../support/kafka.ts';
import { committedOffsets, foreignClient, withAdmin } from '../support/kafka-foreign.ts';
import { eventually } from '../support/pipeline-driver.ts';

const PARTITIONS = 4;

describe.skipIf(kafkaBrokers === null)('a consumer group on Kafka', () => {
  const brokers = kafkaBrokers ?? '';
  const logs = openLogs();
  let options: KafkaLogOptions;
  let log: EventLog;

  beforeEach(async () => {
    options = kafkaOptions(brokers, { partitions: PARTITIONS });
    log = await logs.open(options);
  });
  afterEach(() => logs.closeAll());

  async function consume(handler: DeliveryRecorder, from = log): Promise<Consumption> {
    const consumption = await from.consume(handler.handler);
    consumption.ended.catch(() => undefined);
    return consumption;
  }

  const send = (count: number): Promise<unknown> =>
    log.append(Array.from({ length: count }, (_, n) => ({ key: null, value: Buffer.from(`${n}`) })));

  const placesOf = (seen: DeliveryRecorder): string[] =>
    seen.records().map(({ partition, offset }) => `${partition}:${offset}`);

  /** Waits until the second has joined as well. */
  const shared = (...consumptions: Consumption[]): Promise<void> =>
    eventually('partitions shared out', () => {
      const counts = consumptions.map((consumption) => consumption.assigned().length);
      return counts.every((count) => count > 0) && counts.reduce((a, b) => a + b, 0) === PARTITIONS;
    });

  test('shares partitions out, each under a new assignment, and takes them back when a member leaves', async () => {
    await send(PARTITIONS);
    const [first, second] = [recordDeliveries(), recordDeliveries()];
    const consumption = await consume(first);
    await first.until('all records', () => first.records().length === PARTITIONS);
    const other = await consume(second, await logs.open(options));
    await shared(consumption, other);
    expect([...consumption.assigned(), ...other.assigned()].toSorted()).toEqual([0, 1, 2, 3]);
    await other.stop();
    await eventually('all partitions again', () => consumption.assigned().length === PARTITIONS);
    const before = first.deliveries.map(({ assignment }) => assignment);
    const count = first.deliveries.length;
    await send(PARTITIONS);
    await first.until('the new records', () => first.deliveries.length >= count + PARTITIONS);
    for (const { assignment } of first.deliveries.slice(count)) expect(before).not.toContain(assignment);
  });

  test('a member that joins in the middle of a batch: the batch is finished and committed, and nothing is left out', async () => {
    await send(PARTITIONS);
    const release = gate();
    const first = recordDeliveries(async (delivery) => {
      await release.opened;
      return done(delivery);
    });
    const consumption = await consume(first);
    await first.until('a batch under way', () => first.deliveries.length > 0);
    const underway = [...first.deliveries];
    const second = recordDeliveries();
    const other = await consume(second, await logs.open(options));
    // The heartbeat of the first hears of the rebalance; only then is its batch finished.
    await eventually('a new member waits', async () => (await membersOf()) === 2);
    release.open();
    await shared(consumption, other);
    await eventually('every record', () => new Set([...placesOf(first), ...placesOf(second)]).size === PARTITIONS);
    await eventually('every partition committed', async () => {
      const committed = await committedOffsets(brokers, options);
      return [0, 1, 2, 3].every((partition) => committed.get(partition) === 1n);
    });
    const again = placesOf(second).filter((place) => underway.some((delivery) => placesIn(delivery).includes(place)));
    expect(again).toEqual([]);
  });

  test('a handler that takes longer than the session keeps its partitions', async () => {
    await send(1);
    const seen = recordDeliveries(async (delivery) => {
      // Nothing reports that a session would have ended; the broker needs its time.
      if (seen.deliveries.length === 1) await setTimeout(8_000);
      return done(delivery);
    });
    const consumption = await consume(seen);
    await seen.until('the delivery', () => seen.deliveries.length === 1);
    await eventually('the commit', async () => [...(await committedOffsets(brokers, options)).values()].includes(1n));
    await send(PARTITIONS);
    await seen.until('the next', () => seen.deliveries.length > 1);
    expect(new Set(seen.deliveries.map(({ assignment }) => assignment)).size).toBe(1);
    await consumption.stop();
  });

  test('what is answered is committed for tools to see, and only that', async () => {
    await log.append(Array.from({ length: 3 }, () => ({ key: Buffer.from('one key'), value: null })));
    const seen = recordDeliveries(() =>
      seen.deliveries.length === 1 ? { do: 'committed', next: 2n } : { do: 'retryAfter', ms: 60_000 },
    );
    const consumption = await consume(seen);
    await seen.until('two deliveries', () => seen.deliveries.length === 2);
    await consumption.stop();
    const partition = seen.deliveries[0]?.partition ?? -1;
    expect((await committedOffsets(brokers, options)).get(partition)).toBe(2n);
  });

  test('a group that is stopped while it joins is left: another member gets every partition', async () => {
    const consumption = await consume(recordDeliveries());
    await consumption.stop();
    expect(await membersOf()).toBe(0);
    const other = await consume(recordDeliveries(), await logs.open(options));
    await eventually('all partitions', () => other.assigned().length === PARTITIONS);
    expect(consumption.assigned()).toEqual([]);
  });

  test('a paused partition is delivered at once after a rebalance', async () => {
    await send(PARTITIONS);
    const first = recordDeliveries(() => ({ do: 'retryAfter', ms: 3_600_000 }));
    const consumption = await consume(first);
    await first.until('all partitions wait', () => first.records().length === PARTITIONS);
    const other = await consume(recordDeliveries(), await logs.open(options));
    await shared(consumption, other);
    await first.until('deliveries again', () => first.deliveries.length > PARTITIONS);
  });

  test('a crash that kafkajs does not restart ends consuming with its error', async () => {
    const producer = foreignClient(brokers).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    const compression = kafkajs.CompressionTypes.LZ4;
    await producer.send({ topic: log.topic, compression, messages: [{ value: 'x' }] });
    await producer.disconnect();
    const codecs = kafkajs.CompressionCodecs as unknown as Record<number, () => unknown>;
    const codec = codecs[compression];
    codecs[compression] = () => {
      throw new kafkajs.KafkaJSNonRetriableError('cannot be decoded');
    };
    try {
      const consumption = await consume(recordDeliveries());
      await expect(consumption.ended).rejects.toMatchObject({ name: 'PipelineError', message: 'cannot be decoded' });
      expect(consumption.assigned()).toEqual([]);
    } finally {
      if (codec !== undefined) codecs[compression] = codec;
    }
  });

  async function membersOf(): Promise<number> {
    return withAdmin(brokers, async (admin) => {
      const { groups } = await admin.describeGroups([options.groupId]);
      return groups[0]?.members.length ?? 0;
    });
  }
});

const placesIn = ({ records }: Delivery): string[] => records.map(({ partition, offset }) => `${partition}:${offset}`);
