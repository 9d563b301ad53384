import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openRedisMirror } from '../../src/dead-letter-mirror/redis.ts';
import { postgresProbe } from '../order-store/postgres-probe.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { caughtUp, eventually, runPipeline, send } from '../support/pipeline-driver.ts';
import { adjustment } from '../support/records.ts';
import { hasRedisServer, type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { viewMirror } from '../support/redis-view.ts';
import {
  expectedLetters,
  insertDeadLetters,
  PREFIX,
  type RunningRelay,
  runRelay,
  shownLetters,
} from '../support/relay-driver.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const LETTERS = 300;
const WITHIN_MS = 15_000;
const POISON = { key: null, value: Buffer.from('{') };
/** The last one: PostgreSQL where there is one. */
const factory = storeFactories.at(-1);

describe.skipIf(!(await hasRedisServer()))(`what Redis loses comes back (${factory?.name})`, () => {
  let opened: TestStore;
  let redis: RedisServer;
  let relay: RunningRelay;

  beforeAll(async () => {
    if (factory === undefined) throw new Error('there is no store');
    opened = await factory.open();
  });
  beforeEach(async () => {
    await postgresProbe(opened.sql).emptyTables();
    await insertDeadLetters(opened.sql, { count: LETTERS });
    redis = await startRedisServer();
    relay = runRelay(opened.store.mirror, redis.url);
    await inStep();
  });
  afterEach(async () => {
    await relay.close();
    await redis.dispose();
  });
  afterAll(() => opened.close());

  const view = () => viewMirror(redis.admin, PREFIX);
  /** The mirror is complete and has nothing else, and the relay knows it. */
  async function inStep(): Promise<void> {
    const started = performance.now();
    await eventually('the mirror shows what the store has', async () => {
      const [shown, expected] = [shownLetters(await view()), await expectedLetters(opened.sql)];
      return relay.status().complete && JSON.stringify(shown) === JSON.stringify(expected);
    });
    expect(performance.now() - started).toBeLessThan(WITHIN_MS);
    expect(relay.status().failure).toBeNull();
  }
  /** What happens to letters while the mirror cannot be told. */
  async function changeLetters(): Promise<void> {
    await opened.store.deadLetters.discard('order-events:0:7', null, { actor: 'ann', note: null });
    await insertDeadLetters(opened.sql, { from: LETTERS, count: 5 });
  }
  const failing = (code: RegExp): Promise<void> =>
    eventually('the relay fails', () => code.test(relay.status().failure?.detail ?? ''));

  test('killed and started again, empty', async () => {
    await redis.kill();
    await changeLetters();
    await failing(/REDIS_AWAY/);
    await redis.start();
    await inStep();
  });

  test('restarted so fast that no call failed, from an older snapshot', async () => {
    await redis.admin.save();
    await copyFile(join(redis.folder, 'dump.rdb'), join(redis.folder, 'older.rdb'));
    await changeLetters();
    await inStep();
    await redis.kill();
    await copyFile(join(redis.folder, 'older.rdb'), join(redis.folder, 'dump.rdb'));
    await redis.start();
    expect((await view()).dead).toContain('order-events:0:7');
    await inStep();
  });

  test('restarted with the epoch still in its snapshot: the connection tells', async () => {
    const mirror = openRedisMirror({ url: redis.url, prefix: 'other:{mirror}' });
    await mirror.begin('epoch');
    expect(await mirror.countMissing('epoch', [])).toBe(0);
    await redis.admin.save();
    await redis.kill();
    await redis.start();
    expect(await redis.admin.get('other:{mirror}:epoch')).toBe('epoch');
    const refusal = async (): Promise<string> =>
      mirror.countMissing('epoch', []).then(
        () => 'none',
        (error: Error) => error.message,
      );
    await eventually('refused', async () => (await refusal()) === 'the connection to Redis is a new one');
    await mirror.close();
  });

  test('FLUSHALL', async () => {
    await redis.admin.flushall();
    await inStep();
    expect(relay.recorded.of('mirror-failed').map(({ detail }) => detail)).toEqual([
      'MIRROR_LOST: the mirror was emptied',
    ]);
  });

  test.each([
    ['one letter', (key: string) => key.endsWith(':123')],
    ['a list', (key: string) => key.endsWith('}:dead')],
    ['every third key', (_: string, n: number) => n % 3 === 0],
  ])('some keys deleted: %s', async (_, chosen) => {
    const keys = (await redis.admin.keys(`${PREFIX}:*`)).toSorted().filter(chosen);
    expect(await redis.admin.del(keys)).toBeGreaterThan(0);
    await inStep();
  });

  test('memory used up: nothing is evicted, and it goes on once there is more', async () => {
    await redis.admin.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.admin.config('SET', 'maxmemory', '1mb');
    await changeLetters();
    await failing(/OOM/);
    expect((await view()).dead.length).toBeGreaterThanOrEqual(LETTERS - 1);
    await redis.admin.config('SET', 'maxmemory', '0');
    await inStep();
  });

  test('hanging for longer than a call may take', async () => {
    await redis.admin.call('CLIENT', ['PAUSE', '5000', 'ALL']);
    await changeLetters();
    await failing(/REDIS_TIMEOUT/);
    await inStep();
  });

  test('busy for seconds', async () => {
    await Promise.all([redis.admin.call('DEBUG', ['SLEEP', '4']), changeLetters()]);
    await inStep();
  });

  test('another service under the same prefix is named, and this one goes on when that ends', async () => {
    await redis.admin.set(`${PREFIX}:epoch`, 'of another service');
    await failing(/DLQ_PREFIX/);
    await inStep();
  });

  test('the pipeline does not wait for Redis: dead, hanging or back, it is as fast', async () => {
    const log = createMemoryLog({ partitions: 1 });
    const pipeline = await runPipeline(log, opened.store);
    const drain = async (): Promise<number> => {
      const sent = Array.from({ length: 200 }, (_, n) => (n % 10 === 0 ? POISON : adjustment('s', 1)));
      const started = performance.now();
      await send(log, sent);
      await caughtUp(log, opened.store);
      return performance.now() - started;
    };
    await drain();
    await redis.admin.call('CLIENT', ['PAUSE', '2500', 'ALL']);
    const hanging = await drain();
    await redis.kill();
    const dead = await drain();
    expect(Math.max(hanging, dead)).toBeLessThan(2000);
    expect(pipeline.problems()).toEqual([]);
    await redis.start();
    await inStep();
    await pipeline.stop();
  });

  test('absent at the start', async () => {
    await relay.close();
    await redis.stop();
    relay = runRelay(opened.store.mirror, redis.url);
    await failing(/REDIS_AWAY.*ECONNREFUSED/);
    await setTimeout(100);
    await redis.start();
    await inStep();
  });
});
