import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startKafka } from '../../scripts/services/kafka.ts';
import type { RunningService } from '../../scripts/services/service.ts';
import type { KafkaLogOptions } from '../../src/event-log/kafka.ts';
import type { EventLog } from '../../src/event-log.ts';
import { type DeliveryRecorder, gate, recordDeliveries } from '../support/deliveries.ts';
import { kafkaBrokers, kafkaOptions, openLogs } from '../support/kafka.ts';
import { withAdmin } from '../support/kafka-foreign.ts';

/** kafkajs needs some 12 s after a broker is back. */
const RECOVERY_MS = 30_000;

// A broker of its own, which it may stop; only where there are brokers at all.
describe.skipIf(kafkaBrokers === null)('a Kafka broker that goes away', { timeout: 120_000 }, () => {
  const logs = openLogs();
  let dir: string;
  let broker: RunningService;
  let options: KafkaLogOptions;
  let log: EventLog;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'order-pipeline-kafka-'));
    broker = await startKafka({ dir });
  });
  afterAll(async () => {
    await broker.kill();
    await rm(dir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    options = kafkaOptions(broker.address, { partitions: 2 });
    log = await logs.open(options);
  });
  afterEach(() => logs.closeAll());

  const restart = async (): Promise<void> => {
    broker = await startKafka({ dir });
  };

  async function consume(seen: DeliveryRecorder, from = log) {
    const consumption = await from.consume(seen.handler);
    let ended = false;
    consumption.ended.then(
      () => undefined,
      () => {
        ended = true;
      },
    );
    return { consumption, hasEnded: () => ended };
  }

  /** Appends until the broker takes it, as a caller that repeats does. */
  async function append(value: string): Promise<void> {
    const deadline = performance.now() + RECOVERY_MS;
    for (;;) {
      const error = await log.append([{ key: null, value: Buffer.from(value) }]).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      if (error === null) return;
      expect(error).toMatchObject({ name: 'AppendError', acknowledged: [null], cause: { name: 'PipelineError' } });
      if (performance.now() > deadline) throw error;
    }
  }

  const values = (seen: DeliveryRecorder): string[] =>
    seen.records().map(({ value }) => Buffer.from(value ?? '').toString());

  async function until(what: string, condition: () => boolean): Promise<void> {
    const deadline = performance.now() + RECOVERY_MS;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
      await sleep(50);
    }
  }

  test.each([
    ['stopped for 5 s', 5_000, (service: RunningService) => service.stop()],
    ['killed with SIGKILL', 0, (service: RunningService) => service.kill()],
  ])('%s: appending, questions and consuming go on by themselves, and nothing is left out', async (_how, ms, end) => {
    const seen = recordDeliveries();
    const { consumption, hasEnded } = await consume(seen);
    await append('before');
    await seen.until('the first record', () => seen.records().length === 1);
    await end(broker);
    const away = await log.watermarks().catch((error: unknown) => error);
    expect(away).toMatchObject({ name: 'PipelineError', kind: 'outage' });
    await sleep(ms);
    await restart();
    await append('after');
    await until('the record after', () => values(seen).includes('after'));
    expect(hasEnded()).toBe(false);
    expect((await log.watermarks()).reduce((sum, { end: to, start }) => sum + Number(to - start), 0)).toBeGreaterThan(
      1,
    );
    await consumption.stop();
  });

  test('stopping while the broker is away ends in time', async () => {
    const seen = recordDeliveries();
    const { consumption } = await consume(seen);
    await append('x');
    await seen.until('the record', () => seen.records().length === 1);
    await broker.stop();
    await until('kafkajs has crashed and joins again', () => consumption.assigned().length === 0);
    const before = performance.now();
    await consumption.stop();
    await consumption.ended;
    expect(performance.now() - before).toBeLessThan(7_000);
    await restart();
  });

  test('stopping while the broker is frozen, which answers nothing, ends in time', async () => {
    const seen = recordDeliveries();
    const { consumption } = await consume(seen);
    await append('x');
    await seen.until('the record', () => seen.records().length === 1);
    process.kill(broker.pid, 'SIGSTOP');
    try {
      const before = performance.now();
      await consumption.stop();
      expect(performance.now() - before).toBeLessThan(7_000);
    } finally {
      process.kill(broker.pid, 'SIGCONT');
    }
  });

  test('a handler under way when the broker is killed is waited for, and its records are delivered again', async () => {
    const release = gate();
    const seen = recordDeliveries(async (delivery) => {
      await release.opened;
      return { do: 'committed', next: (delivery.records.at(-1)?.offset ?? 0n) + 1n };
    });
    const { consumption } = await consume(seen);
    await append('x');
    await seen.until('a delivery', () => seen.deliveries.length === 1);
    await broker.kill();
    release.open();
    await restart();
    await append('y');
    await until('the next record', () => values(seen).includes('y'));
    await consumption.stop();
  });

  test('opening fails with an outage while no broker answers, and works when one does', async () => {
    await broker.stop();
    await expect(logs.open(options)).rejects.toMatchObject({ name: 'PipelineError', kind: 'outage' });
    await restart();
    expect(await (await logs.open(options)).source()).toBe(await log.source());
  });

  test('a topic that is deleted and made again is consumed from its start', async () => {
    const seen = recordDeliveries();
    const { hasEnded } = await consume(seen);
    // Two in each partition: their next offset does not exist in the new topic.
    for (let n = 0; n < 4; n += 1) await append('old');
    await seen.until('the old records', () => seen.records().length === 4);
    await withAdmin(broker.address, async (admin) => {
      await admin.deleteTopics({ topics: [log.topic] });
      await sleep(1_000);
      await admin.createTopics({ topics: [{ topic: log.topic, numPartitions: 2 }] });
    });
    for (const partition of [0, 1]) await append(`new ${partition}`);
    await until('the new records', () => values(seen).filter((value) => value.startsWith('new')).length === 2);
    expect(hasEnded()).toBe(false);
  });
});
