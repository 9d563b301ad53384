import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { postgresProbe } from '../order-store/postgres-probe.ts';
import { eventually } from '../support/pipeline-driver.ts';
import { letterBatch, payment, user } from '../support/records.ts';
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
import { driveStore, openLetter, type StoreDriver } from '../support/store-driver.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const POISON = { key: null, value: Buffer.from('{') };

describe.skipIf(!(await hasRedisServer())).each(storeFactories)('the relay: $name', (factory) => {
  let opened: TestStore;
  let redis: RedisServer;
  let driver: StoreDriver;
  const running: RunningRelay[] = [];

  beforeAll(async () => {
    [opened, redis] = await Promise.all([factory.open(), startRedisServer()]);
  });
  beforeEach(async () => {
    await redis.admin.flushall();
    const probe = postgresProbe(opened.sql);
    await probe.emptyTables();
    driver = await driveStore(opened.store, probe);
  });
  afterEach(async () => {
    for (const relay of running.splice(0)) await relay.close();
  });
  afterAll(async () => {
    await redis.dispose();
    await opened.close();
  });

  const relay = (): RunningRelay => {
    const one = runRelay(opened.store.mirror, redis.url);
    running.push(one);
    return one;
  };
  const view = () => viewMirror(redis.admin, PREFIX);
  const inStep = (): Promise<void> =>
    eventually('the mirror shows what the store has', async () => {
      const [shown, expected] = [shownLetters(await view()), await expectedLetters(opened.sql)];
      return JSON.stringify(shown) === JSON.stringify(expected);
    });
  const makeOld = () =>
    opened.sql.script(`update store.dead_letters set first_failed_at = first_failed_at - interval '61 seconds'`);

  test('a dead letter is shown as it was received, and leaves when it is closed', async () => {
    relay();
    await driver.apply([POISON]);
    await inStep();
    const { entries } = await view();
    expect(entries['order-events:0:0']).toMatchObject({
      reason: 'INVALID_JSON',
      payload: '{',
      payloadEncoding: 'utf8',
      topic: 'order-events',
      partition: '0',
      offset: '0',
      retryCount: '0',
    });
    await opened.store.deadLetters.discard('order-events:0:0', null, { actor: 'ann', note: 'noise' });
    await inStep();
    expect(await view()).toMatchObject({
      entries: {},
      dead: [],
      closed: { 'order-events:0:0': { state: 'discarded' } },
    });
  });

  test('a letter that a person corrected is shown with the bytes that are tried next', async () => {
    relay();
    await driver.apply([POISON]);
    await inStep();
    const edit = { value: Buffer.from('{}'), key: Buffer.from('u1') };
    await opened.store.sink.applyBatch(letterBatch([await openLetter(opened.store, 'order-events:0:0')], { edit }));
    await inStep();
    const entry = (await view()).entries['order-events:0:0'];
    expect(entry).toMatchObject({ payload: '{}', key: 'u1', retryCount: '1', revision: '2' });
  });

  test('a parked letter is shown and warned about once it has waited a minute, and warned about once', async () => {
    const first = relay();
    await driver.apply([payment('p1', 'o1', { eventId: 'pay-1' }), POISON]);
    await eventually('the dead one is shown', async () => (await view()).dead.length === 1);
    expect(await view()).toMatchObject({ parked: [] });
    expect(first.recorded.of('letters-waiting')).toEqual([]);
    await makeOld();
    await eventually('it is shown', async () => (await view()).parked.length === 1);
    await inStep();
    await driver.retryDue();
    await first.close();
    const second = relay();
    await eventually('complete', () => second.completions() === 1);
    const warned = [...first.recorded.of('letters-waiting'), ...second.recorded.of('letters-waiting')];
    expect(warned.flatMap(({ letters }) => letters)).toEqual([
      {
        id: 'order-events:0:0',
        eventId: 'pay-1',
        eventType: 'PaymentSettled',
        reason: 'MISSING_REFERENCE',
        waitedMs: expect.any(Number),
      },
    ]);
    expect(warned[0]?.letters[0]?.waitedMs).toBeGreaterThan(60_000);
  });

  test('a letter that was parked for a moment never reaches the mirror', async () => {
    await driver.apply([payment('p1', 'o1')]);
    await opened.store.deadLetters.discard('order-events:0:0', null, { actor: 'ann', note: null });
    await driver.apply([POISON]);
    relay();
    await inStep();
    expect(await view()).toMatchObject({ dead: ['order-events:0:1'], closed: {} });
    const claim = { relay: '', turn: 0, limit: 10, maxBytes: 1000, parkedForMs: 0 };
    expect((await opened.store.mirror.claimChanges(claim)).letters).toEqual([]);
  });

  test('letters closed while no relay ran leave the mirror', async () => {
    const first = relay();
    await driver.apply([POISON, POISON, user('u1')]);
    await inStep();
    await first.close();
    await opened.store.deadLetters.discard('order-events:0:0', null, { actor: 'ann', note: null });
    relay();
    await inStep();
    expect((await view()).dead).toEqual(['order-events:0:1']);
  });

  test('only one of two relays sends, and when it stops the other goes on', async () => {
    const [a, b] = [relay(), relay()];
    const roles = () => [a, b].map((one) => one.status().role).toSorted();
    await driver.apply([POISON]);
    await inStep();
    await eventually('one sends', () => roles().join() === 'sending,standby');
    await eventually('complete', () => a.status().complete || b.status().complete);
    expect(a.completions() + b.completions()).toBe(1);
    const [sending, standby] = a.status().role === 'sending' ? [a, b] : [b, a];
    await sending.close();
    await driver.apply([POISON]);
    await inStep();
    await eventually('the other sends', () => standby.status().complete);
    expect([sending.completions(), standby.completions()]).toEqual([1, 1]);
  });

  test('a relay that died without a word is replaced when its lease ends', async () => {
    await driver.apply([POISON]);
    await opened.store.mirror.holdLease({ relay: 'dead', turn: null, forMs: 1500 });
    const started = performance.now();
    const one = relay();
    await eventually('it waits', () => one.status().role === 'standby');
    await inStep();
    expect(performance.now() - started).toBeGreaterThan(1400);
  });

  test('a relay that was paused for longer than its lease sends nothing more', async () => {
    const { mirror } = opened.store;
    await driver.apply([POISON]);
    const paused = await mirror.holdLease({ relay: 'paused', turn: null, forMs: 0 });
    const next = await mirror.holdLease({ relay: 'next', turn: null, forMs: 60_000 });
    expect(next).toEqual({ turn: (paused?.turn ?? 0) + 1, kept: false });
    const claim = { limit: 10, maxBytes: 1000, parkedForMs: 0 };
    const late = await mirror.claimChanges({ ...claim, relay: 'paused', turn: paused?.turn ?? 0 });
    expect(late.letters).toEqual([]);
    const claimed = await mirror.claimChanges({ ...claim, relay: 'next', turn: next?.turn ?? 0 });
    expect(claimed.letters).toHaveLength(1);
    expect(await mirror.holdLease({ relay: 'paused', turn: paused?.turn ?? 0, forMs: 60_000 })).toBeNull();
    await mirror.releaseLease('next');
  });

  test('a database that was set back is noticed, and decides', async () => {
    const one = relay();
    await insertDeadLetters(opened.sql, { count: 30 });
    await inStep();
    await opened.sql.script(`drop schema if exists backup cascade; create schema backup;
      create table backup.dead_letters as select * from store.dead_letters;
      create table backup.mirror_lease as select * from store.mirror_lease;`);
    // Only too much, nothing too little: comparing what the store has would not show it.
    await driver.apply([POISON], 1);
    await inStep();
    expect((await view()).dead).toHaveLength(31);
    const before = one.completions();
    await opened.sql.script(`begin; truncate store.dead_letters, store.mirror_lease;
      insert into store.dead_letters select * from backup.dead_letters;
      insert into store.mirror_lease select * from backup.mirror_lease; commit;`);
    await inStep();
    expect((await view()).dead).toHaveLength(30);
    await eventually('a new epoch', () => one.completions() === before + 1);
  });

  test('pages are bounded by bytes, and a letter larger than a page is sent alone', async () => {
    await insertDeadLetters(opened.sql, { count: 7, bytes: 1000 });
    const { mirror } = opened.store;
    const { turn = 0 } = (await mirror.holdLease({ relay: 'r', turn: null, forMs: 60_000 })) ?? {};
    const page = (maxBytes: number) => mirror.claimChanges({ relay: 'r', turn, limit: 10, maxBytes, parkedForMs: 0 });
    expect((await page(2500)).letters).toHaveLength(2);
    const alone = await page(10);
    expect([alone.letters.length, alone.more]).toEqual([1, true]);
    const rest = await page(100_000);
    expect([rest.letters.length, rest.more]).toEqual([4, false]);
    const ids = async (after: string | null, maxBytes: number) =>
      (await mirror.mirrored({ after, limit: 10, maxBytes })).map(({ id }) => id.slice(-1)).join('');
    expect([await ids(null, 10), await ids('order-events:0:1', 2500), await ids(null, 1e6)]).toEqual([
      '0',
      '23',
      '0123456',
    ]);
    await mirror.releaseLease('r');
  });

  test.runIf(factory.concurrent)('a letter that an attempt holds is sent later, and neither waits', async () => {
    await insertDeadLetters(opened.sql, { count: 3 });
    const { mirror } = opened.store;
    const { turn = 0 } = (await mirror.holdLease({ relay: 'r', turn: null, forMs: 60_000 })) ?? {};
    const held = opened.sql.script(
      `begin; select 1 from store.dead_letters where id = 'order-events:0:1' for update; select pg_sleep(1); commit;`,
    );
    await setTimeout(300);
    const page = () => mirror.claimChanges({ relay: 'r', turn, limit: 10, maxBytes: 1e6, parkedForMs: 0 });
    const started = performance.now();
    expect((await page()).letters.map(({ id }) => id.slice(-1)).toSorted()).toEqual(['0', '2']);
    expect(performance.now() - started).toBeLessThan(500);
    await held;
    expect((await page()).letters.map(({ id }) => id.slice(-1))).toEqual(['1']);
    await mirror.releaseLease('r');
  });

  test("the relay's queries are served by indexes, however the letters are", async () => {
    await insertDeadLetters(opened.sql, { count: 2000 });
    await opened.sql.script(
      `update store.dead_letters set mirrored_revision = 1 where record_offset % 2 = 0; analyze store.dead_letters`,
    );
    const plan = async (statement: string): Promise<string> =>
      (await opened.sql.query<{ 'QUERY PLAN': string }>(`explain ${statement}`)).map((r) => r['QUERY PLAN']).join('\n');
    await expect(
      plan(`select id from store.dead_letters where mirrored_revision < revision
        and (mirrored_revision > 0 or state in ('parked', 'dead')) and state = 'parked'
        and first_failed_at <= now() order by first_failed_at limit 500`),
    ).resolves.toContain('dead_letters_to_mirror');
    await expect(
      plan(`select id from store.dead_letters where mirrored_revision = revision and state in ('parked', 'dead')
        and id > 'order-events:0:5' order by id limit 500`),
    ).resolves.toContain('dead_letters_mirrored');
  });
});
