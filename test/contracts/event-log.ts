import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { partitionOfKey } from '../../src/event-log/murmur2.ts';
import type { Consumption, Delivery, EventLog, NewRecord, RecordPosition } from '../../src/event-log.ts';
import { done, gate, recordDeliveries } from '../support/deliveries.ts';

/** Makes logs of one kind for the contract. */
export interface EventLogFactory {
  /** A log on a topic that nobody else uses, which handles at least two partitions at once. */
  open(partitions: number): Promise<OpenedLog>;
  /** A log with another identity (another directory, another cluster); null where there is none to be had. */
  readonly openElsewhere: (() => Promise<OpenedLog>) | null;
  close(): Promise<void>;
}

export interface OpenedLog {
  readonly log: EventLog;
  /** Closes the log and opens the same topic again, as a process that is started again does. */
  reopen(): Promise<EventLog>;
  /** Closes whatever of it is open. */
  dispose(): Promise<void>;
}

const PARTITIONS = 3;
const MIB = 1024 * 1024;

/** What every event log promises, whatever keeps its records. */
export function eventLogContract(name: string, start: () => Promise<EventLogFactory>): void {
  describe(`${name} as an event log`, () => {
    let factory: EventLogFactory;
    let opened: OpenedLog;
    let log: EventLog;
    let running: Consumption[] = [];

    beforeAll(async () => {
      factory = await start();
    });
    afterAll(() => factory.close());
    beforeEach(async () => {
      opened = await factory.open(PARTITIONS);
      log = opened.log;
    });
    afterEach(async () => {
      for (const consumption of running) await consumption.stop();
      running = [];
      await opened.dispose();
    });

    async function consume(handler: Parameters<EventLog['consume']>[0], from = log): Promise<Consumption> {
      const consumption = await from.consume(handler);
      // Its end is looked at by the tests that are about it.
      consumption.ended.catch(() => undefined);
      running.push(consumption);
      return consumption;
    }

    describe('append', () => {
      test('gives the partition of the key by murmur2 and offsets that count up in each partition', async () => {
        const keys = Array.from({ length: 60 }, (_, n) => bytes(`user-${n % 20}`));
        const positions = await log.append(keys.map((key) => ({ key, value: bytes('v') })));
        expect(positions.map(({ partition }) => partition)).toEqual(keys.map((key) => partitionOfKey(key, PARTITIONS)));
        for (let partition = 0; partition < PARTITIONS; partition += 1) {
          const offsets = positions.filter((position) => position.partition === partition).map(({ offset }) => offset);
          expect(offsets).toEqual(offsets.map((_, n) => BigInt(n)));
        }
      });

      test('of nothing gives nothing', async () => {
        expect(await log.append([])).toEqual([]);
      });

      test('called several times at once gives every record a place of its own', async () => {
        const calls = Array.from({ length: 20 }, (_, n) =>
          log.append([inPartition(1, `a${n}`), inPartition(1, `b${n}`)]),
        );
        const positions = (await Promise.all(calls)).flat();
        expect(new Set(positions.map(({ offset }) => offset)).size).toBe(40);
      });
    });

    describe('delivery', () => {
      test('each partition in the order of the offsets, each record where its acknowledgement said', async () => {
        const values = Array.from({ length: 300 }, (_, n) => `value ${n}`);
        const positions: RecordPosition[] = [];
        for (let at = 0; at < values.length; at += 60) {
          positions.push(...(await log.append(values.slice(at, at + 60).map((value, n) => keyed(`k${n % 7}`, value)))));
        }
        const seen = recordDeliveries();
        await consume(seen.handler);
        await seen.until('all records', () => seen.records().length >= values.length);
        const places = new Map(seen.records().map((record) => [placeOf(record), text(record.value)]));
        expect(positions.map((position) => places.get(placeOf(position)))).toEqual(values);
        for (let partition = 0; partition < PARTITIONS; partition += 1) {
          const offsets = seen.records(partition).map(({ offset }) => offset);
          expect(offsets).toEqual(offsets.map((_, n) => BigInt(n)));
        }
      });

      test('names topic, partition and the offset asked for', async () => {
        await log.append([inPartition(2, 'x')]);
        const seen = recordDeliveries();
        await consume(seen.handler);
        await seen.until('the record', () => seen.records().length === 1);
        expect(seen.deliveries[0]).toMatchObject({ topic: log.topic, partition: 2, fetchedFrom: 0n });
        expect(seen.records()[0]).toMatchObject({ topic: log.topic, partition: 2, offset: 0n });
      });

      test('records come back byte for byte: null, empty, binary, and headers that repeat a name', async () => {
        const binary = Uint8Array.from({ length: 256 }, (_, n) => n);
        const key = inPartition(0, '').key;
        const written: NewRecord[] = [
          { key, value: null },
          { key, value: new Uint8Array(0) },
          {
            key,
            value: binary,
            headers: [
              ['a', bytes('1')],
              ['b', binary],
              ['a', bytes('2')],
              ['', new Uint8Array(0)],
            ],
          },
          { key, value: bytes('žluťoučký 😀'), headers: [['ключ', bytes('ž')]] },
        ];
        await log.append(written);
        const seen = recordDeliveries();
        await consume(seen.handler);
        await seen.until('all records', () => seen.records().length === written.length);
        expect(seen.records().map(comparable)).toEqual(written.map(comparable));
      });

      test('keys come back byte for byte: null, empty, binary', async () => {
        const binary = Uint8Array.from({ length: 256 }, (_, n) => 255 - n);
        const written = [null, new Uint8Array(0), binary].map((key, n) => ({ key, value: bytes(`${n}`) }));
        await log.append(written);
        const seen = recordDeliveries();
        await consume(seen.handler);
        await seen.until('all records', () => seen.records().length === written.length);
        const byValue = seen.records().toSorted((a, b) => text(a.value).localeCompare(text(b.value)));
        expect(byValue.map(comparable)).toEqual(written.map(comparable));
      });

      test('a record of 1 MiB comes back whole', async () => {
        const value = Uint8Array.from({ length: MIB - 1024 }, (_, n) => (n * 31) % 251);
        await log.append([{ key: bytes('k'), value }]);
        const seen = recordDeliveries();
        await consume(seen.handler);
        await seen.until('the record', () => seen.records().length === 1);
        expect(Buffer.compare(seen.records()[0]?.value ?? bytes(''), value)).toBe(0);
      });

      test('timestamps are the time of the append in milliseconds', async () => {
        const before = Date.now();
        await log.append([keyed('k', 'v')]);
        const after = Date.now();
        const seen = recordDeliveries();
        await consume(seen.handler);
        await seen.until('the record', () => seen.records().length === 1);
        const timestamp = seen.records()[0]?.timestamp;
        expect(timestamp).toBeGreaterThanOrEqual(before);
        expect(timestamp).toBeLessThanOrEqual(after);
      });

      test('a record appended to an idle consumer is delivered', async () => {
        const seen = recordDeliveries();
        await consume(seen.handler);
        for (let n = 1; n <= 5; n += 1) {
          await log.append([inPartition(n % PARTITIONS, `${n}`)]);
          await seen.until(`record ${n}`, () => seen.records().length === n);
        }
      });

      test('a partition is never handled twice at once, different ones are', async () => {
        await log.append(
          [0, 1].flatMap((partition) => Array.from({ length: 5 }, (_, n) => inPartition(partition, `${n}`))),
        );
        const busy = new Set<number>();
        const together = gate();
        let overlaps = 0;
        const seen = recordDeliveries(async (delivery) => {
          if (busy.has(delivery.partition)) overlaps += 1;
          busy.add(delivery.partition);
          if (busy.size === 2) together.open();
          await together.opened;
          await turnOfTheEventLoop();
          busy.delete(delivery.partition);
          return { do: 'committed', next: (delivery.records[0]?.offset ?? 0n) + 1n };
        });
        await consume(seen.handler);
        const last = (partition: number): bigint => seen.records(partition).at(-1)?.offset ?? -1n;
        await seen.until(
          'both partitions to their ends',
          () => seen.deliveries.length >= 10 && last(0) === 4n && last(1) === 4n,
        );
        expect(overlaps).toBe(0);
      });
    });

    describe('answers', () => {
      test('committed in the middle of a delivery hands over the rest at once', async () => {
        await log.append(Array.from({ length: 6 }, (_, n) => inPartition(0, `${n}`)));
        const seen = recordDeliveries((delivery) => ({
          do: 'committed',
          next: (delivery.records[0]?.offset ?? 0n) + 2n,
        }));
        await consume(seen.handler);
        await seen.until('three deliveries', () => seen.deliveries.length === 3);
        expect(seen.deliveries.map(({ fetchedFrom }) => fetchedFrom)).toEqual([0n, 2n, 4n]);
        expect(seen.deliveries.map(({ records }) => records[0]?.offset)).toEqual([0n, 2n, 4n]);
      });

      test('retryAfter delivers again from the same place while other partitions go on', async () => {
        await log.append([inPartition(0, 'a'), inPartition(0, 'b'), inPartition(1, 'c')]);
        const seen = recordDeliveries((delivery) => {
          const again =
            delivery.partition === 0 && seen.deliveries.filter(({ partition }) => partition === 0).length < 3;
          return again ? { do: 'retryAfter', ms: 50 } : done(delivery);
        });
        await consume(seen.handler);
        await seen.until('the other partition', () => seen.records(1).length === 1);
        await log.append([inPartition(1, 'd')]);
        await seen.until('its next record', () => seen.records(1).length === 2);
        const tries = (): Delivery[] => seen.deliveries.filter(({ partition }) => partition === 0);
        await seen.until('the third try', () => tries().length === 3);
        expect(tries().map(({ records }) => records[0]?.offset)).toEqual([0n, 0n, 0n]);
        expect(new Set(seen.records(0).map(({ value }) => text(value)))).toEqual(new Set(['a', 'b']));
      });

      test('retryAfter waits no less than it was told', async () => {
        await log.append([inPartition(0, 'a')]);
        const at: number[] = [];
        const seen = recordDeliveries((delivery) => {
          at.push(performance.now());
          return at.length === 1 ? { do: 'retryAfter', ms: 300 } : done(delivery);
        });
        await consume(seen.handler);
        await seen.until('the second try', () => at.length === 2 || seen.deliveries.length === 2);
        await turnOfTheEventLoop();
        expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(295);
      });

      test('seek goes back and forward', async () => {
        await log.append(Array.from({ length: 10 }, (_, n) => inPartition(0, `${n}`)));
        const targets = [7n, 2n];
        const seen = recordDeliveries((delivery) => {
          const position = targets.shift();
          return position === undefined ? done(delivery) : { do: 'seek', position };
        });
        await consume(seen.handler);
        await seen.until('all three deliveries', () => seen.deliveries.length >= 3);
        expect(seen.deliveries.slice(0, 3).map(({ records }) => records[0]?.offset)).toEqual([0n, 7n, 2n]);
        await seen.until('the end', () => seen.records().at(-1)?.offset === 9n);
      });

      test('seek below the start delivers from the start', async () => {
        await log.append([inPartition(0, 'a')]);
        let sought = false;
        const seen = recordDeliveries((delivery) => {
          if (sought) return done(delivery);
          sought = true;
          return { do: 'seek', position: -5n };
        });
        await consume(seen.handler);
        await seen.until('the record again', () => seen.deliveries.length === 2);
        expect(seen.records().map(({ offset }) => offset)).toEqual([0n, 0n]);
      });

      test('seek beyond the end waits there for the record of that offset', async () => {
        await log.append([inPartition(0, '0')]);
        const seen = recordDeliveries((delivery) =>
          seen.deliveries.length === 1 ? { do: 'seek', position: 3n } : done(delivery),
        );
        await consume(seen.handler);
        await seen.until('the first record', () => seen.deliveries.length === 1);
        for (const value of ['1', '2', '3']) await log.append([inPartition(0, value)]);
        await seen.until('the fourth record', () => seen.deliveries.length === 2);
        expect(seen.deliveries[1]?.records.map(({ offset }) => offset)).toEqual([3n]);
      });

      test('stop ends consuming with its error', async () => {
        await log.append([keyed('k', 'v')]);
        const error = new Error('a bad deploy');
        const seen = recordDeliveries(() => ({ do: 'stop', error }));
        const consumption = await consume(seen.handler);
        await expect(consumption.ended).rejects.toBe(error);
        expect(seen.deliveries.length).toBe(1);
      });

      test('an exception in the handler ends consuming with that error', async () => {
        await log.append([keyed('k', 'v')]);
        const error = new TypeError('undefined is not a function');
        const consumption = await consume(() => Promise.reject(error));
        await expect(consumption.ended).rejects.toBe(error);
      });
    });

    describe('a consumption', () => {
      test('is assigned every partition when it is alone', async () => {
        await log.append([0, 1, 2].map((partition) => inPartition(partition, 'x')));
        const seen = recordDeliveries();
        const consumption = await consume(seen.handler);
        await seen.until('all partitions', () => seen.records().length === PARTITIONS);
        expect(consumption.assigned().toSorted()).toEqual([0, 1, 2]);
      });

      test('seek moves a partition that has nothing to deliver', async () => {
        await log.append([inPartition(0, 'a'), inPartition(0, 'b')]);
        const seen = recordDeliveries();
        const consumption = await consume(seen.handler);
        await seen.until('both records', () => seen.records().length === 2);
        consumption.seek(0, 1n);
        await seen.until('the second again', () => seen.records().length === 3);
        expect(seen.records().at(-1)?.offset).toBe(1n);
      });

      test('seek while a delivery is handled counts more than its answer', async () => {
        await log.append([inPartition(0, 'a'), inPartition(0, 'b')]);
        const first = gate();
        const seen = recordDeliveries(async (delivery) => {
          if (seen.deliveries.length === 1) await first.opened;
          return done(delivery);
        });
        const consumption = await consume(seen.handler);
        await seen.until('the first delivery', () => seen.deliveries.length === 1);
        consumption.seek(0, 0n);
        first.open();
        await seen.until('the same again', () => seen.deliveries.length === 2);
        expect(seen.deliveries[1]?.records[0]?.offset).toBe(0n);
      });

      test('stop waits for the handler under way and delivers nothing afterwards', async () => {
        await log.append([inPartition(0, 'a'), inPartition(0, 'b')]);
        const release = gate();
        const seen = recordDeliveries(async () => {
          await release.opened;
          return { do: 'committed', next: 1n };
        });
        const consumption = await consume(seen.handler);
        await seen.until('a delivery', () => seen.deliveries.length === 1);
        let stopped = false;
        const stopping = consumption.stop().then(() => {
          stopped = true;
        });
        await turnOfTheEventLoop();
        expect(stopped).toBe(false);
        release.open();
        await stopping;
        await consumption.ended;
        await log.append([inPartition(0, 'c')]);
        expect(seen.deliveries.length).toBe(1);
        expect(consumption.assigned()).toEqual([]);
      });

      test('stop cuts a retryAfter short, and called twice is the same promise', async () => {
        await log.append([inPartition(0, 'a')]);
        const seen = recordDeliveries(() => ({ do: 'retryAfter', ms: 3_600_000 }));
        const consumption = await consume(seen.handler);
        await seen.until('a delivery', () => seen.deliveries.length === 1);
        const stopping = consumption.stop();
        expect(consumption.stop()).toBe(stopping);
        await stopping;
      });

      test('excludes a second one, and after stop the next works under a new assignment', async () => {
        await log.append([inPartition(0, 'a')]);
        const first = recordDeliveries(() => ({ do: 'retryAfter', ms: 20 }));
        const consumption = await consume(first.handler);
        await first.until('a delivery', () => first.deliveries.length > 0);
        await expect(log.consume(first.handler)).rejects.toMatchObject({ kind: 'defect' });
        await consumption.stop();
        const second = recordDeliveries();
        await consume(second.handler);
        await second.until('the same record', () => second.records().length === 1);
        expect(second.deliveries[0]?.assignment).not.toBe(first.deliveries[0]?.assignment);
      });
    });

    describe('opened again', () => {
      test('it has its records, and begins at or below what was committed', async () => {
        await log.append(Array.from({ length: 10 }, (_, n) => inPartition(0, `${n}`)));
        const before = recordDeliveries((delivery) =>
          (delivery.records[0]?.offset ?? 0n) < 4n
            ? { do: 'committed', next: 4n }
            : { do: 'retryAfter', ms: 3_600_000 },
        );
        const consumption = await consume(before.handler);
        await before.until('the delivery after 4', () => before.deliveries.length === 2);
        await consumption.stop();
        log = await opened.reopen();
        await log.append([inPartition(0, '10')]);
        const after = recordDeliveries();
        await consume(after.handler, log);
        await after.until('the last record', () => after.records().at(-1)?.offset === 10n);
        const offsets = after.records().map(({ offset }) => offset);
        expect(offsets[0]).toBeLessThanOrEqual(4n);
        expect(offsets).toEqual(offsets.map((_, n) => (offsets[0] ?? 0n) + BigInt(n)));
      });

      test('it is the same source, which another log is not', async () => {
        const source = await log.source();
        expect(source).not.toBe('');
        log = await opened.reopen();
        expect(await log.source()).toBe(source);
        if (factory.openElsewhere === null) return;
        const other = await factory.openElsewhere();
        expect(await other.log.source()).not.toBe(source);
        await other.dispose();
      });
    });

    describe('questions', () => {
      test('watermarks tell start and end of every partition', async () => {
        await log.append([inPartition(1, 'a'), inPartition(1, 'b'), inPartition(2, 'c')]);
        expect(await log.watermarks()).toEqual([
          { partition: 0, start: 0n, end: 0n },
          { partition: 1, start: 0n, end: 2n },
          { partition: 2, start: 0n, end: 1n },
        ]);
      });

      test('offsetsAt finds the first record that is not older, or the end', async () => {
        await log.append([inPartition(0, 'old')]);
        const between = await nextMillisecond();
        await log.append([inPartition(0, 'new'), inPartition(1, 'new')]);
        const offsets = async (timestamp: number): Promise<bigint[]> =>
          (await log.offsetsAt(timestamp)).map(({ offset }) => offset);
        expect(await offsets(between)).toEqual([1n, 0n, 0n]);
        expect(await offsets(0)).toEqual([0n, 0n, 0n]);
        expect(await offsets(Date.now() + 3_600_000)).toEqual([2n, 1n, 0n]);
        expect((await log.offsetsAt(0)).map(({ partition }) => partition)).toEqual([0, 1, 2]);
      });

      test('close called twice is the same promise', async () => {
        const closed = log.close();
        expect(log.close()).toBe(closed);
        await closed;
      });
    });
  });
}

const bytes = (value: string): Uint8Array => Buffer.from(value);
const text = (value: Uint8Array | null): string => Buffer.from(value ?? '').toString();
const placeOf = ({ partition, offset }: { partition: number; offset: bigint }): string => `${partition}:${offset}`;
const keyed = (key: string, value: string): NewRecord => ({ key: bytes(key), value: bytes(value) });
const turnOfTheEventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A record with the first key that murmur2 puts into the partition. */
function inPartition(partition: number, value: string): NewRecord {
  for (let n = 0; ; n += 1) {
    const key = bytes(`key-${n}`);
    if (partitionOfKey(key, PARTITIONS) === partition) return { key, value: bytes(value) };
  }
}

/** Headers by name: equal names keep their order, that of different ones is lost in some of Kafka's clients. */
function comparable({ key, value, headers = [] }: NewRecord) {
  const hex = (given: Uint8Array | null): string | null => (given === null ? null : Buffer.from(given).toString('hex'));
  return {
    key: hex(key),
    value: hex(value),
    headers: headers.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))).map(([name, given]) => [name, hex(given)]),
  };
}

/** A millisecond after which nothing yet has been appended. */
async function nextMillisecond(): Promise<number> {
  const now = Date.now();
  while (Date.now() <= now) await turnOfTheEventLoop();
  return Date.now();
}
