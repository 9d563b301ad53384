import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openEmbeddedDatabase } from '../../src/embedded-database.ts';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import { classifyPostgresError } from '../../src/order-store/postgres/errors.ts';
import type { SqlConnection } from '../../src/sql-connection.ts';
import { type TemporaryDir, temporaryDatabaseDir, temporaryDir } from '../support/embedded.ts';
import { eventually } from '../support/pipeline-driver.ts';
import { adjustment } from '../support/records.ts';
import { type Finished, runToEnd, type ServiceProcess, startService } from '../support/service-process.ts';
import { createDatabase, postgresServer } from '../support/stores.ts';
import { post, quantityOf } from './requests.ts';

const TIMEOUT = { timeout: 60_000 };
const EVENTS = 12;
const WHY = ['--note', 'a test', '--actor', 'ann'];
type Variables = Readonly<Record<string, string>>;

interface Shown {
  readonly partitions: ReadonlyArray<{ readonly partition: number; readonly position: string }>;
}

const positions = (env: Variables, ...args: string[]): Promise<Finished> => runToEnd('positions', args, { env });

function expectDone(finished: Finished): Finished {
  expect(finished, finished.stderr).toMatchObject({ code: 0, stderr: '' });
  return finished;
}

function expectRefused({ code, stderr, stdout }: Finished, line: string, expected: 1 | 2): void {
  const lines = stderr.trim().split('\n');
  expect(lines[0]).toMatch(/^positions: /);
  expect(lines[0]).toContain(line);
  expect(lines.slice(1)).toEqual(expected === 2 ? ['See: npm run positions -- --help'] : []);
  expect([code, stdout]).toEqual([expected, '']);
}

/** All of one article, in one partition. */
async function sendAndStop(env: Variables): Promise<void> {
  const service = await startService({ env });
  await post(
    service.url,
    Array.from({ length: EVENTS }, (_, n) => adjustment('s', 1, { eventId: `e${n}` })),
  );
  await eventually('counted', async () => (await quantityOf(service.url, 's')) === EVENTS);
  await stopped(service);
}

async function stopped(service: ServiceProcess): Promise<void> {
  service.signal('SIGTERM');
  expect(await service.exited).toEqual({ code: 0, signal: null });
}

async function duplicates(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = /^events_processed_total\{type="InventoryAdjusted",status="duplicate"\} (\d+)$/m.exec(text);
  return Number(found?.[1] ?? 0);
}

describe('positions, asked in the wrong way', TIMEOUT, () => {
  test('--help shows examples and needs neither settings nor a database', async () => {
    const { stdout } = expectDone(await positions({ HTTP_PORT: 'wrong' }, '--help'));
    expect(stdout).toContain('Examples:\n  npm run positions -- show');
  });

  test.each([
    [[], 'say what to do: show, set or reset'],
    [['show', 'all'], 'unexpected argument all'],
    [['show', '--verbose'], "Unknown option '--verbose'"],
    [['set', '--partition', '0', ...WHY], 'set needs --partition and --offset'],
    [['reset', '--to', 'yesterday', ...WHY], 'reset needs --to earliest'],
    [['reset', '--to', 'latest'], '--note is needed'],
  ])('%j ends with 2 and one line, before anything is opened', async (args, line) => {
    expectRefused(await positions({ DATA_DIR: '/dev/null/none' }, ...args), line, 2);
  });

  test('a server that is away is named', async () => {
    const { dataDir, cleanup } = await temporaryDir();
    onTestFinished(cleanup);
    const env = { POSTGRES_URL: 'postgres://op@127.0.0.1:1/orders', DATA_DIR: dataDir };
    expectRefused(await positions(env, 'show'), 'no PostgreSQL: ECONNREFUSED', 1);
  });
});

interface Place {
  readonly env: Variables;
  /** Where the changes are written down. */
  openStore(): Promise<SqlConnection>;
  cleanup(): Promise<void>;
}

async function embedded(): Promise<Place> {
  const { dataDir, cleanup } = await temporaryDatabaseDir();
  const openStore = () => openEmbeddedDatabase({ dataDir, classify: classifyPostgresError });
  return { env: { DATA_DIR: dataDir }, openStore, cleanup };
}

async function onServer(): Promise<Place> {
  const { dataDir, cleanup }: TemporaryDir = await temporaryDatabaseDir();
  const { url, drop } = await createDatabase(postgresServer ?? '');
  return {
    env: { DATA_DIR: dataDir, POSTGRES_URL: url },
    openStore: async () => connectPostgres({ url, maxConnections: 1 }),
    cleanup: async () => {
      await drop();
      await cleanup();
    },
  };
}

const places =
  postgresServer === null
    ? [{ name: 'embedded', open: embedded }]
    : [
        { name: 'embedded', open: embedded },
        { name: 'PostgreSQL', open: onServer },
      ];

describe.each(places)('positions, $name', TIMEOUT, ({ open }) => {
  let place: Place;
  /** The one that has records. */
  let partition: number;

  beforeAll(async () => {
    place = await open();
    await sendAndStop(place.env);
    const shown = JSON.parse(expectDone(await positions(place.env, 'show', '--json')).stdout) as Shown;
    const read = shown.partitions.filter(({ position }) => position !== '0');
    expect(read).toMatchObject([{ position: `${EVENTS}`, start: '0', end: `${EVENTS}`, lag: '0' }]);
    partition = read[0]?.partition ?? -1;
  });
  afterAll(() => place.cleanup());

  /** What the store holds of the partition: its position in each log, the latest first, and what was written down. */
  async function stored(): Promise<{ positions: string[]; changes: unknown[] }> {
    const sql = await place.openStore();
    const progress = await sql.query<{ position: string }>(
      'select next_offset::text as position from store.partition_progress where partition = $1 order by log_no desc',
      [partition],
    );
    const changes = await sql.query(
      `select actor, note, from_offset::text as "from", to_offset::text as "to" from store.position_changes
       where partition = $1 order by change_no`,
      [partition],
    );
    await sql.close();
    return { positions: progress.map(({ position }) => position), changes };
  }

  const byAnn = (from: string | null, to: string) => ({ actor: 'ann', note: 'a test', from, to });

  test('a dry run tells and changes nothing', async () => {
    const { stdout } = expectDone(await positions(place.env, 'reset', '--to', 'earliest', '--dry-run', ...WHY));
    expect(stdout).toContain('would change (dry run)');
    expect(await stored()).toEqual({ positions: [`${EVENTS}`], changes: [] });
  });

  test('what lies outside the log is refused', async () => {
    const args = ['set', '--partition', '0', '--offset', '99', ...WHY];
    expectRefused(await positions(place.env, ...args), 'offset 99 lies outside partition 0', 1);
  });

  test('set moves one partition, and says who and why', async () => {
    const args = ['set', '--partition', `${partition}`, '--offset', '5', '--json', ...WHY];
    const { stdout } = expectDone(await positions(place.env, ...args));
    expect(JSON.parse(stdout)).toMatchObject({
      dryRun: false,
      partitions: [{ partition, from: `${EVENTS}`, to: '5' }],
    });
    expect(await stored()).toEqual({ positions: ['5'], changes: [byAnn(`${EVENTS}`, '5')] });
  });

  test('after reset --to earliest everything is read again, and nothing changes', async () => {
    expectDone(await positions(place.env, 'reset', '--to', 'earliest', ...WHY));
    const service = await startService({ env: place.env });
    await eventually('all are duplicates', async () => (await duplicates(service.url)) === EVENTS);
    expect(await quantityOf(service.url, 's')).toBe(EVENTS);
    expectRefused(await positions(place.env, 'show'), 'is used by another process', 1);
    await stopped(service);
    expect((await stored()).positions).toEqual([`${EVENTS}`]);
  });

  test('reset --new-log begins another log, at its start', async () => {
    expectDone(await positions(place.env, 'reset', '--new-log', ...WHY));
    const { positions: found, changes } = await stored();
    expect(found).toEqual(['0', `${EVENTS}`]);
    expect(changes.at(-1)).toEqual(byAnn(null, '0'));
  });
});
