import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import { postgresStore } from '../../src/order-store/postgres/store.ts';
import type { OrderStore } from '../../src/order-store.ts';
import type { SqlConnection } from '../../src/sql-connection.ts';
import { adjustment, letterBatch, order, user } from '../support/records.ts';
import { applied, driveStore, openLetter, type StoreDriver, type StoreProbe, TOPIC } from '../support/store-driver.ts';
import { createDatabase, postgresServer } from '../support/stores.ts';
import { postgresProbe } from './postgres-probe.ts';

const A = 'a@example.com';
const B = 'b@example.com';
const CLAIM = { limit: 10, maxBytes: 1e9, leaseMs: 60_000 };

/** What only several sessions at once can show. */
describe.skipIf(postgresServer === null)('order store on a PostgreSQL server', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let sql: SqlConnection;
  let probe: StoreProbe;
  let driver: StoreDriver;
  let sessions: SqlConnection[] = [];

  beforeAll(async () => {
    database = await createDatabase(postgresServer ?? '');
    sql = connectPostgres({ url: database.url, maxConnections: 4 });
    probe = postgresProbe(sql);
  });
  beforeEach(async () => {
    await probe.emptyTables();
    driver = await driveStore(postgresStore('postgres', sql), probe);
  });
  afterEach(async () => {
    await Promise.all(sessions.map((session) => session.close()));
    sessions = [];
  });
  afterAll(async () => {
    await sql.close();
    await database.drop();
  });

  /** One session of its own. `settings` as libpq options, `login` instead of the owner. */
  function session(settings: Record<string, string> = {}, login?: string): { sql: SqlConnection; store: OrderStore } {
    const url = new URL(database.url);
    if (login !== undefined) Object.assign(url, { username: login, password: login });
    for (const [name, value] of Object.entries(settings)) url.searchParams.set(name, value);
    const own = connectPostgres({ url: url.href, maxConnections: 1 });
    sessions.push(own);
    return { sql: own, store: postgresStore('postgres', own) };
  }

  /** A session in the middle of a transaction. */
  async function holder(): Promise<{ sql: SqlConnection; store: OrderStore; commit: () => Promise<unknown> }> {
    const held = session();
    await held.sql.query('begin');
    return { ...held, commit: () => held.sql.query('commit') };
  }

  /** The sessions that wait for a lock, once there is one. */
  async function untilBlocked(): Promise<number[]> {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
      const waiting = await sql.query<{ pid: number }>(
        `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      if (waiting.length > 0) return waiting.map(({ pid }) => pid);
    }
    throw new Error('no session waits for a lock');
  }

  test('of two sessions with the same stretch exactly one applies it', async () => {
    const batch = driver.next([adjustment('s1', 5), order('o1', 'nobody')]);
    const results = await Promise.all(
      [session(), session(), session()].map(({ store }) => store.sink.applyBatch(batch)),
    );
    expect(results.filter(({ fenced }) => !fenced)).toHaveLength(1);
    expect((await probe.dump()).inventory).toMatchObject([{ quantity: '5' }]);
  });

  test('an id recorded since the look-up fails the batch as a race, and again it is a duplicate: 5 stays 5', async () => {
    // With ON CONFLICT DO NOTHING in record_in_ledger the second batch answers "applied" and the sum becomes 10.
    const five = adjustment('s1', 5);
    const first = await holder();
    await applied(first.store, driver.next([five]));
    const second = driver.next([five, user('u1')], 1);
    const losing = session().store.sink.applyBatch(second);
    losing.catch(() => {});
    await untilBlocked();
    await first.commit();
    await expect(losing).rejects.toMatchObject({ kind: 'race', code: '23505' });
    expect(await applied(driver.store, second)).toEqual(['duplicate', 'applied']);
    expect((await probe.dump()).inventory).toMatchObject([{ quantity: '5' }]);
  });

  test('a deadlock is a race, and the batch succeeds when run again', async () => {
    await driver.apply([adjustment('s1', 1), adjustment('s2', 1)]);
    const other = await holder();
    await other.sql.query(`select 1 as one from store.inventory where sku = 's2' for update`);
    const batch = driver.next([adjustment('s1', 1), adjustment('s2', 1)]);
    // It looks for deadlocks earlier than the other session, so it is the victim.
    const losing = session({ options: '-c deadlock_timeout=200ms' }).store.sink.applyBatch(batch);
    losing.catch(() => {});
    await untilBlocked();
    await other.sql.query(`update store.inventory set quantity = quantity where sku = 's1'`);
    await expect(losing).rejects.toMatchObject({ kind: 'race', code: '40P01' });
    await other.commit();
    expect(await applied(driver.store, batch)).toEqual(['applied', 'applied']);
  });

  test('a session that is ended in the middle is an outage, and again the batch is applied once', async () => {
    await driver.apply([adjustment('s1', 1)]);
    const other = await holder();
    await other.sql.query('select 1 as one from store.inventory for update');
    const batch = driver.next([user('u1'), adjustment('s1', 5)]);
    const before = await probe.everything();
    const cut = session().store.sink.applyBatch(batch);
    cut.catch(() => {});
    const [pid] = await untilBlocked();
    await sql.query(`select pg_terminate_backend(${pid})`);
    await expect(cut).rejects.toMatchObject({ kind: 'outage' });
    await other.commit();
    expect(await probe.everything()).toEqual(before);
    expect(await applied(driver.store, batch)).toEqual(['applied', 'applied']);
    expect(await driver.store.sink.applyBatch(batch)).toEqual({ fenced: true });
    expect((await probe.dump()).inventory).toMatchObject([{ quantity: '6' }]);
  });

  test.each([
    { settings: { statement_timeout: '200' }, kind: 'timeout', code: '57014' },
    { settings: { lock_timeout: '200' }, kind: 'outage', code: '55P03' },
  ])('$settings ends a batch that waits as $kind and changes nothing', async ({ settings, kind, code }) => {
    await driver.apply([adjustment('s1', 1)]);
    const other = await holder();
    await other.sql.query('select 1 as one from store.inventory for update');
    const before = await probe.everything();
    const batch = driver.next([user('u1'), adjustment('s1', 5)]);
    await expect(session(settings).store.sink.applyBatch(batch)).rejects.toMatchObject({ kind, code });
    await other.commit();
    expect(await probe.everything()).toEqual(before);
  });

  test('a user that moves its e-mail and an order of that user do not wait for each other', async () => {
    await driver.apply([user('u1', { at: 1 })]);
    const impatient = session({ lock_timeout: '500' }).store;
    const ordering = await holder();
    await applied(ordering.store, driver.next([order('o1', 'u1')], 1));
    expect(await applied(impatient, driver.next([user('u1', { at: 2, email: A })]))).toEqual(['applied']);
    await ordering.commit();
    const moving = await holder();
    await applied(moving.store, driver.next([user('u1', { at: 3, email: B })], 2));
    expect(await applied(impatient, driver.next([order('o2', 'u1')], 3))).toEqual(['applied']);
    await moving.commit();
  });

  test('an e-mail that is given up while a letter for it is being written wakes that letter', async () => {
    await driver.apply([user('u1', { email: A, at: 1 })]);
    const refused = await holder();
    expect(await applied(refused.store, driver.next([user('u2', { email: A })], 1))).toEqual([
      `dead EMAIL_TAKEN email:${A}`,
    ]);
    const givingUp = session().store.sink.applyBatch(driver.next([user('u1', { email: B, at: 2 })]));
    await untilBlocked();
    await refused.commit();
    expect(await givingUp).toMatchObject({ woken: 1 });
    expect(await driver.retryUntilQuiet()).toEqual({ [`${TOPIC}:1:0`]: 'applied' });
  });

  test('an e-mail that is named while its holder gives it up is free', async () => {
    await driver.apply([user('u1', { email: A, at: 1 })]);
    const givingUp = await holder();
    await applied(givingUp.store, driver.next([user('u1', { email: B, at: 2 })]));
    const naming = session().store.sink.applyBatch(driver.next([user('u2', { email: A })], 1));
    await untilBlocked();
    await givingUp.commit();
    expect(await naming).toMatchObject({ outcomes: [{ status: 'applied' }] });
  });

  test('two new users that name one e-mail at once: one is a race and then a dead letter', async () => {
    const first = await holder();
    await applied(first.store, driver.next([user('u1', { email: A })]));
    const second = driver.next([user('u2', { email: A })], 1);
    const losing = session().store.sink.applyBatch(second);
    losing.catch(() => {});
    await untilBlocked();
    await first.commit();
    await expect(losing).rejects.toMatchObject({ kind: 'race' });
    expect(await applied(driver.store, second)).toEqual([`dead EMAIL_TAKEN email:${A}`]);
  });

  test('a letter that is being tried as its parent is created is woken afterwards', async () => {
    await driver.apply([order('o1', 'u1')]);
    const letter = await openLetter(driver.store, `${TOPIC}:0:0`);
    const trying = await holder();
    expect(await applied(trying.store, letterBatch([letter], { action: 'retry' }))).toEqual([
      'parked MISSING_REFERENCE user:u1',
    ]);
    const creating = session().store.sink.applyBatch(driver.next([user('u1')], 1));
    await untilBlocked();
    await trying.commit();
    expect(await creating).toMatchObject({ woken: 1 });
    expect(await driver.retryUntilQuiet()).toEqual({ [letter.id]: 'applied' });
  });

  test('a letter tried by two sessions at once is fenced for one of them', async () => {
    await driver.apply([{ key: null, value: null }]);
    const batch = letterBatch([await openLetter(driver.store, `${TOPIC}:0:0`)]);
    const outcomes = await Promise.all([session(), session()].map(({ store }) => applied(store, batch)));
    expect(outcomes.flat().sort()).toEqual(['dead EMPTY_VALUE', 'fenced']);
  });

  test('a claim skips letters that another session holds, without waiting', async () => {
    await driver.apply([order('o1', 'nobody'), order('o2', 'nobody')]);
    await probe.makeParkedDue();
    const other = await holder();
    await other.sql.query(`select 1 as one from store.dead_letters where id = '${TOPIC}:0:0' for update`);
    const impatient = session({ lock_timeout: '500' }).store;
    expect((await impatient.sink.claimDueLetters(CLAIM)).map(({ id }) => id)).toEqual([`${TOPIC}:0:1`]);
    await other.commit();
    expect((await impatient.sink.claimDueLetters(CLAIM)).map(({ id }) => id)).toEqual([`${TOPIC}:0:0`]);
  });

  test('of consumers that begin a log at once all get the positions of the first', async () => {
    const stores = [session(), session(), session()].map(({ store }) => store);
    const logs = await Promise.all(stores.map(({ sink }) => sink.openLog('new', TOPIC)));
    expect(new Set(logs.map(({ logNo }) => logNo)).size).toBe(1);
    const positions = await Promise.all(
      stores.map(({ sink }, n) => {
        const beginnings = [0, 1].map((partition) => ({ partition, begin: BigInt(n + 1), start: 99n }));
        return sink.beginPartitions(logs[n] ?? driver.log, beginnings);
      }),
    );
    expect(new Set(positions.flat().map(({ nextOffset }) => nextOffset)).size).toBe(1);
    expect(positions[0]?.[0]?.nextOffset).toBeLessThan(4n);
  });

  test('a consumer that sees more partitions than the first one begins those at their start', async () => {
    const log = await driver.store.sink.openLog('new', TOPIC);
    const beginning = (partition: number, begin: bigint) => ({ partition, begin, start: 1n });
    const first = await holder();
    await first.store.sink.beginPartitions(log, [beginning(0, 7n)]);
    const second = session().store.sink.beginPartitions(log, [beginning(0, 9n), beginning(1, 9n)]);
    await untilBlocked();
    await first.commit();
    expect((await second).map(({ nextOffset }) => nextOffset)).toEqual([7n, 1n]);
  });

  test('of two logs of a new topic that are opened at once only the first has plain letter ids', async () => {
    const first = await holder();
    expect(await first.store.sink.openLog('one', 'new-topic')).toMatchObject({ letterSuffix: '' });
    const second = session().store.sink.openLog('two', 'new-topic');
    await untilBlocked();
    await first.commit();
    expect((await second).letterSuffix).not.toBe('');
  });

  describe('a login that may only execute and select', () => {
    const login = `op_login_${process.pid}_${Date.now()}`;
    beforeAll(async () => {
      const [row] = await sql.query<{ name: string }>('select current_database() as name');
      await sql.script(`create role ${login} login password '${login}';
        grant connect on database ${row?.name} to ${login};
        grant usage on schema store to ${login};
        grant execute on all functions in schema store to ${login};
        grant select on all tables in schema store to ${login};`);
    });
    afterAll(() => sql.script(`drop owned by ${login}; drop role ${login};`));

    test('can do all that the service does', async () => {
      const { store } = session({}, login);
      const limited = await driveStore(store, probe, 'of the login');
      expect(
        await limited.apply([user('u1'), adjustment('s1', 5), order('o1', 'u2'), { key: null, value: null }]),
      ).toEqual(['applied', 'applied', 'parked MISSING_REFERENCE user:u2', 'dead EMPTY_VALUE']);
      await limited.apply([user('u2')], 1);
      expect(Object.values(await limited.retryUntilQuiet())).toEqual(['applied']);
      const [dead] = await store.deadLetters.list({ state: 'dead' }, { limit: 1, after: null });
      const letter = await openLetter(store, dead?.id ?? '');
      for (const dryRun of [true, false]) await applied(store, letterBatch([letter], { dryRun }));
      const by = { actor: 'op', note: null };
      await store.sink.postponeLetter(letter.id, 1);
      expect(await store.deadLetters.discard(letter.id, null, by)).toBe(true);
      expect(await store.deadLetters.quarantine({ topic: TOPIC, partition: 0, offset: 9n }, by)).toBe(true);
      await store.sink.setPositions(limited.log, [{ partition: 0, to: 0n }], { ...by, dryRun: false });
      await store.sink.beginGeneration(limited.log, [{ partition: 0, to: 0n }], by);
      await store.sink.prune({ ledgerBefore: await store.sink.now(), payloadsBefore: await store.sink.now() });
      await store.sink.countRejectedRows(limited.log, { partition: 0, from: 0n, to: 9n });
      expect(await store.reads.order('o1')).toMatchObject({ userId: 'u2' });
      expect(await store.reads.user('u1')).toMatchObject({ recentOrders: [] });
      expect(await store.reads.inventory('s1')).toMatchObject({ quantity: 5 });
      expect(await store.deadLetters.stats()).not.toEqual([]);
    });

    test.each([
      `insert into store.inventory values ('s', 1, now())`,
      'update store.partition_progress set next_offset = 0',
      'delete from store.processed_events',
    ])('cannot %s', async (statement) => {
      await expect(session({}, login).sql.query(statement)).rejects.toMatchObject({ kind: 'defect', code: '42501' });
    });
  });
});
