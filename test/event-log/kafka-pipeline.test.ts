import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KafkaLogOptions } from '../../src/event-log/kafka.ts';
import type { EventLog } from '../../src/event-log.ts';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import { postgresStore } from '../../src/order-store/postgres/store.ts';
import type { OrderStore } from '../../src/order-store.ts';
import { movePositions } from '../../src/pipeline/move-positions.ts';
import type { PipelineParts } from '../../src/pipeline/pipeline.ts';
import { type Child, startChild } from '../support/child.ts';
import { kafkaBrokers, kafkaOptions, openLogs } from '../support/kafka.ts';
import { expireRecords, sendInTransaction, withAdmin } from '../support/kafka-foreign.ts';
import { caughtUp, eventually, type RunningPipeline, runPipeline, send } from '../support/pipeline-driver.ts';
import { adjustment } from '../support/records.ts';
import { createDatabase, postgresServer } from '../support/stores.ts';

const SKU = 'mug';
const BY = { actor: 'operator', note: 'a test' };

describe.skipIf(kafkaBrokers === null || postgresServer === null)('the pipeline on Kafka and PostgreSQL', () => {
  const brokers = kafkaBrokers ?? '';
  const logs = openLogs();
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let store: OrderStore;
  let options: KafkaLogOptions;
  let log: EventLog;
  let running: RunningPipeline[] = [];

  beforeAll(async () => {
    database = await createDatabase(postgresServer ?? '');
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    store = postgresStore('postgres', connectPostgres({ url: database.url, maxConnections: 8 }));
    options = kafkaOptions(brokers, { partitions: 1 });
    log = await logs.open(options);
  });
  afterEach(async () => {
    for (const pipeline of running) await pipeline.stop();
    running = [];
    await logs.closeAll();
    await store.close();
  });

  async function run(from = log, change: Partial<PipelineParts> = {}): Promise<RunningPipeline> {
    const pipeline = await runPipeline(from, store, change);
    running.push(pipeline);
    return pipeline;
  }

  async function stop(pipeline: RunningPipeline): Promise<void> {
    running = running.filter((other) => other !== pipeline);
    await pipeline.stop();
  }

  /** Of this test's own item: the tables are shared. */
  const sku = (): string => `${SKU}-${options.topic}`;
  const add = (...deltas: number[]): Promise<void> =>
    send(
      log,
      deltas.map((delta) => adjustment(sku(), delta)),
    );
  const quantity = async (): Promise<number> => Number((await store.reads.inventory(sku()))?.quantity ?? 0);

  async function position(): Promise<bigint | undefined> {
    const known = await store.sink.openLog(await log.source(), log.topic);
    return (await store.sink.positions(known))[0]?.nextOffset;
  }

  async function recreateTopic(): Promise<void> {
    await withAdmin(brokers, async (admin) => {
      await admin.deleteTopics({ topics: [log.topic] });
      await eventually('the topic is gone', async () => !(await admin.listTopics()).includes(log.topic));
      await eventually('it can be made again', () =>
        admin.createTopics({ topics: [{ topic: log.topic, numPartitions: 1 }] }).catch(() => false),
      );
    });
    await log.close();
    log = await logs.open(options);
  }

  test.each([
    ['earliest', 7],
    ['latest', 4],
  ] as const)('START_FROM %s begins a topic never seen there', async (startFrom, expected) => {
    await add(1, 2);
    await run(log, { startFrom });
    await eventually('positions begun', async () => (await position()) !== undefined);
    await add(4);
    await caughtUp(log, store);
    expect(await quantity()).toBe(expected);
  });

  test('SQL alone decides where reading goes on: a group offset that is set or lost has no effect', async () => {
    await add(1, 2, 4);
    await stop(await run());
    await add(8);
    const outcomes = async (): Promise<string[]> => {
      const pipeline = await run();
      await caughtUp(log, store);
      await stop(pipeline);
      return pipeline.recorded.of('batch-applied').flatMap(({ records }) => records.map(({ status }) => status));
    };
    await outcomes();
    await withAdmin(brokers, (admin) => admin.setOffsets({ ...options, partitions: [{ partition: 0, offset: '0' }] }));
    await add(16);
    expect(await outcomes()).toEqual(['applied']);
    log = await logs.open({ ...options, groupId: `${options.groupId}-other` });
    await add(32);
    expect(await outcomes()).toEqual(['applied']);
    expect(await quantity()).toBe(63);
  });

  test('a position set back by an operator while the group is idle is read again from there', async () => {
    await add(1, 2);
    const pipeline = await run();
    await caughtUp(log, store);
    const target = { to: 'offset', offset: 0n } as const;
    await movePositions(
      { eventLog: log, sink: store.sink },
      { target, partition: 0, newLog: false, dryRun: false },
      BY,
    );
    await pipeline.look();
    const outcomes = (): string[] =>
      pipeline.recorded.of('batch-applied').flatMap(({ records }) => records.map(({ status }) => status));
    await eventually('both again', () => outcomes().length === 4);
    expect(outcomes().slice(2)).toEqual(['duplicate', 'duplicate']);
    expect(await quantity()).toBe(3);
  });

  test('records that expired unread stop the partition, not ready, until an operator accepts the loss', async () => {
    await add(1);
    const first = await run();
    await caughtUp(log, store);
    await stop(first);
    await add(2, 4, 8);
    await expireRecords(brokers, { topic: log.topic, partition: 0, before: 3n });
    const second = await run();
    await eventually('it says so', () => second.problems().some((text) => text.includes('RECORDS_EXPIRED')));
    expect(await quantity()).toBe(1);
    await movePositions(
      { eventLog: log, sink: store.sink },
      { target: { to: 'earliest' }, partition: null, newLog: false, dryRun: false },
      BY,
    );
    await second.look();
    await eventually('the rest', async () => (await quantity()) === 9);
    expect(second.problems()).toEqual([]);
  });

  test.each([
    ['with fewer records than were read', [16]],
    ['with as many records as were read', [16, 32, 64]],
    ['with more records than were read', [16, 32, 64, 128]],
  ])(
    'a topic made again %s stops the partition until reset --new-log, and then is read whole',
    async (_name, deltas) => {
      await add(1, 2, 4);
      const first = await run();
      await caughtUp(log, store);
      await stop(first);
      await recreateTopic();
      await add(...deltas);
      const second = await run();
      await eventually('it says so', () => second.problems().some((text) => text.includes('LOG_RESTARTED')));
      expect(await quantity()).toBe(7);
      await movePositions(
        { eventLog: log, sink: store.sink },
        { target: { to: 'earliest' }, partition: null, newLog: true, dryRun: false },
        BY,
      );
      await second.look();
      const sum = deltas.reduce((a, b) => a + b, 7);
      await eventually('all of the new topic', async () => (await quantity()) === sum);
    },
  );

  test('3 MiB of aborted records between two events are passed over in a few fetches', async () => {
    await add(1);
    const chunk = Buffer.alloc(256 * 1024, 'x');
    await sendInTransaction(brokers, log.topic, Array(12).fill(chunk), 'abort');
    await add(2);
    let deliveries = 0;
    const counted: EventLog = {
      ...log,
      consume: (handler) =>
        log.consume((delivery) => {
          deliveries += 1;
          return handler(delivery);
        }),
    };
    await run(counted);
    await eventually('both events', async () => (await quantity()) === 3);
    expect(deliveries).toBeLessThan(8);
  });

  test('a consumer frozen past its session: the other goes on, and what the first then sends is fenced', {
    timeout: 90_000,
  }, async () => {
    await add(...Array(200).fill(1));
    const child = startChild('./kafka-child.ts', [...childArgs(), 'freeze']);
    try {
      const pid = Number((await lineOf(child, /^stopping (\d+)$/))[1]);
      await eventually('it is frozen', async () => /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8')));
      expect(await quantity()).toBe(20);
      await run();
      // Not before the session of the frozen one is over.
      await eventually('the other goes on', async () => (await quantity()) === 200);
      process.kill(pid, 'SIGCONT');
      await lineOf(child, /^1 1$/);
      expect(await quantity()).toBe(200);
    } finally {
      await child.kill();
    }
  });

  test.runIf(process.env['SLOW_TESTS'] === '1')(
    '1,000,000 records are drained in less than 300 MB',
    { timeout: 1_200_000 },
    async () => {
      const total = 1_000_000;
      for (let sent = 0; sent < total; sent += 5_000) await add(...Array(5_000).fill(1));
      const child = startChild('./kafka-child.ts', [...childArgs(), 'drain']);
      try {
        const pid = Number((await lineOf(child, /^(\d+)$/))[1]);
        while ((await position()) !== BigInt(total)) await setTimeout(500);
        const highest = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
        expect(Number(highest?.[1])).toBeLessThan(300_000);
        expect(await quantity()).toBe(total);
      } finally {
        await child.kill();
      }
    },
  );

  const childArgs = (): string[] => [brokers, options.topic, options.groupId, database.url];

  async function lineOf(child: Child, pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(await child.nextLine());
      if (found !== null) return found;
    }
  }
});
