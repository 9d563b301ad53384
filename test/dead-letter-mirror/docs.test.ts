import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresProbe } from '../order-store/postgres-probe.ts';
import { eventually } from '../support/pipeline-driver.ts';
import { payment } from '../support/records.ts';
import { hasRedisServer, type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { runRelay } from '../support/relay-driver.ts';
import { driveStore } from '../support/store-driver.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const run = promisify(execFile);
const TEXT = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
const PAYLOAD = '{"no":"event"}';
const [factory] = storeFactories;

/** The lines of every block of a kind, as they are. */
function linesOf(kind: 'sh' | 'sh acl'): string[] {
  const blocks = [...TEXT.matchAll(/^```([\w ]+)\n([\s\S]*?)^```$/gm)].filter(([, found]) => found === kind);
  return blocks.flatMap(([, , lines = '']) => lines.trim().split('\n'));
}

describe.skipIf(!(await hasRedisServer()))('the lines of docs/redis.md', () => {
  let opened: TestStore;
  let redis: RedisServer;
  const environment = () => {
    const { PATH = '' } = process.env;
    return { PATH, REDIS_URL: redis.url, REDIS_ADMIN_URL: redis.url };
  };
  const shell = async (line: string): Promise<string> =>
    (await run('/bin/sh', ['-c', line], { env: environment() })).stdout.trim();

  beforeAll(async () => {
    if (factory === undefined) throw new Error('there is no store');
    [opened, redis] = await Promise.all([factory.open(), startRedisServer()]);
    const driver = await driveStore(opened.store, postgresProbe(opened.sql));
    await driver.apply([{ key: Buffer.from('u1'), value: Buffer.from(PAYLOAD) }, payment('p1', 'o1')]);
    await opened.sql.script(`update store.dead_letters set first_failed_at = now() - interval '2 minutes'`);
  });
  afterAll(async () => {
    await redis.dispose();
    await opened.close();
  });

  /** Lets a relay fill the mirror as this user. */
  async function mirrorAs(url: string): Promise<void> {
    const relay = runRelay(opened.store.mirror, url);
    await eventually('complete', () => relay.status().complete);
    await relay.close();
  }

  test('count, list, read and watch dead letters', async () => {
    await mirrorAs(redis.url);
    const [dead = '', parked = '', list = '', entry = '', payload = '', watch = ''] = linesOf('sh');
    expect(linesOf('sh')).toHaveLength(6);
    expect([await shell(dead), await shell(parked)]).toEqual(['1', '1']);
    const [id, score, ...more] = (await shell(list)).split('\n');
    expect([id, more]).toEqual(['order-events:0:0', []]);
    expect(Math.abs(Date.now() - Number(score))).toBeLessThan(60_000);
    const fields = (await shell(entry)).split('\n');
    expect(fields[fields.indexOf('reason') + 1]).toBe('INVALID_ENVELOPE');
    expect(await shell(payload)).toBe(PAYLOAD);
    expect(await firstLines(watch, 2)).toEqual(['1', '1']);
  });

  /** Of a command that does not end by itself. */
  async function firstLines(line: string, count: number): Promise<string[]> {
    const child = spawn('/bin/sh', ['-c', `exec ${line}`], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    for await (const text of createInterface({ input: child.stdout })) {
      lines.push(text);
      if (lines.length === count) break;
    }
    child.kill();
    return lines;
  }

  test("the service's user may run every command of the scripts", () => {
    const folder = new URL('../../src/dead-letter-mirror/redis/', import.meta.url);
    const scripts = readdirSync(folder).filter((name) => name.endsWith('.lua'));
    const text = scripts.map((name) => readFileSync(new URL(name, folder), 'utf8')).join();
    const used = new Set([...text.matchAll(/redis\.call\('(\w+)'/g)].map(([, name = '']) => name.toLowerCase()));
    const allowed = (linesOf('sh acl')[0] ?? '').split(' ');
    expect(used.size).toBeGreaterThan(10);
    for (const name of used) expect(allowed).toContain(`+${name}`);
  });

  test("the service's user can do everything the relay does, and nothing else", async () => {
    const [setUser = '', defaultOff = ''] = linesOf('sh acl');
    expect(linesOf('sh acl')).toHaveLength(2);
    expect(await shell(setUser)).toBe('OK');
    const url = redis.url.replace('//', '//order-pipeline:change-me@');
    await redis.admin.flushall();
    await mirrorAs(url);
    expect(await redis.admin.zcard('dlq:{orders}:parked')).toBe(1);
    // Another epoch, with letters to close and others to sweep.
    await opened.store.deadLetters.discard('order-events:0:0', null, { actor: 'ann', note: null });
    await redis.admin.hset('dlq:{orders}:entry:stray', 'id', 'stray');
    await mirrorAs(url);
    expect(await redis.admin.keys('dlq:{orders}:entry:*')).toHaveLength(2);

    const service = new Redis(url);
    for (const command of [
      ['KEYS', '*'],
      ['FLUSHALL'],
      ['CONFIG', 'GET', '*'],
      ['GET', 'other'],
      ['SET', 'other', ''],
    ]) {
      const [name = '', ...args] = command;
      await expect(service.call(name, args), name).rejects.toThrow('NOPERM');
    }
    service.disconnect();
    expect(await shell(defaultOff)).toBe('OK');
    const nobody = new Redis(redis.url, { retryStrategy: () => null });
    nobody.on('error', () => {});
    await expect(nobody.get('dlq:{orders}:epoch')).rejects.toThrow();
    nobody.disconnect();
  });
});
