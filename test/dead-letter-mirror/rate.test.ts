import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasRedisServer, type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { insertDeadLetters, PREFIX, runRelay } from '../support/relay-driver.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const LETTERS = 100_000;
const PAYLOAD_BYTES = 500;
const LETTERS_PER_SECOND = 5000;
const DEADLINE_MS = 120_000;

const isSlowRun = process.env['SLOW_TESTS'] === '1';
const factory = storeFactories.at(-1);

describe.runIf(isSlowRun && (await hasRedisServer()))(`${LETTERS} open letters (${factory?.name})`, () => {
  let opened: TestStore;
  let redis: RedisServer;

  beforeAll(async () => {
    if (factory === undefined) throw new Error('there is no store');
    [opened, redis] = await Promise.all([factory.open(), startRedisServer()]);
    await insertDeadLetters(opened.sql, { count: LETTERS, bytes: PAYLOAD_BYTES });
  }, DEADLINE_MS);
  afterAll(async () => {
    await redis.dispose();
    await opened.close();
  });

  /** From the relay's start to a complete mirror, in letters per second. */
  async function mirrored(): Promise<number> {
    const relay = runRelay(opened.store.mirror, redis.url);
    const started = performance.now();
    await expect.poll(() => relay.status().complete, { timeout: DEADLINE_MS, interval: 10 }).toBe(true);
    const seconds = (performance.now() - started) / 1000;
    await relay.close();
    expect(await redis.admin.zcard(`${PREFIX}:dead`)).toBe(LETTERS);
    return Math.round(LETTERS / seconds);
  }

  test(
    `reach Redis at ${LETTERS_PER_SECOND} a second, for the first time and again after FLUSHALL`,
    async () => {
      const first = await mirrored();
      await redis.admin.flushall();
      const again = await mirrored();
      process.stdout.write(`mirror: ${first} letters/s for the first time, ${again} letters/s again\n`);
      expect(Math.min(first, again)).toBeGreaterThanOrEqual(LETTERS_PER_SECOND);
    },
    2 * DEADLINE_MS,
  );
});
