import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openChannel } from '../src/embedded-database/channel.ts';
import { type EmbeddedDatabase, openEmbeddedDatabase } from '../src/embedded-database.ts';
import { classifyPostgresError } from '../src/order-store/postgres/errors.ts';
import { startChild } from './support/child.ts';
import { type TemporaryDir, temporaryDatabaseDir, temporaryDir } from './support/embedded.ts';

const KILL_ROUNDS = 3;

const open = (dataDir: string | null): Promise<EmbeddedDatabase> =>
  openEmbeddedDatabase({ dataDir, classify: classifyPostgresError });

describe('an open embedded database', () => {
  let dir: TemporaryDir;
  let database: EmbeddedDatabase;
  beforeAll(async () => {
    dir = await temporaryDatabaseDir();
    database = await open(dir.dataDir);
  });
  afterAll(async () => {
    await database.close();
    await dir.cleanup();
  });

  test('values come back as pg gives them', async () => {
    const text = `select 9007199254740993::bigint as big, 0.10::numeric as money, 7::integer as n, true as yes,
      '{"a": [1, "x"]}'::jsonb as doc, '[1]'::json as list, null::text as nothing, $1::text as given,
      timestamptz '2026-11-20T10:15:30.123456Z'::text as at, '\\x00ff'::bytea as bytes`;
    expect(await database.query(text, ['ü€😀'])).toEqual([
      {
        big: '9007199254740993',
        money: '0.10',
        n: 7,
        yes: true,
        doc: { a: [1, 'x'] },
        list: [1],
        nothing: null,
        given: 'ü€😀',
        at: '2026-11-20 10:15:30.123456+00',
        bytes: '\\x00ff',
      },
    ]);
  });

  test('parameters of every kind arrive', async () => {
    const text =
      'select $1::bigint::text as a, $2::boolean as b, $3::json as c, $4::integer as d, $5::bytea::text as e';
    expect(await database.query(text, [5, false, '{"x":1}', null, '\\x01'])).toEqual([
      { a: '5', b: false, c: { x: 1 }, d: null, e: '\\x01' },
    ]);
  });

  test('statements run in the order of the calls', async () => {
    await database.script('create temporary table calls (id serial, n integer)');
    const calls = Array.from({ length: 50 }, (_, n) =>
      database.query('insert into calls (n) values ($1::integer)', [n]),
    );
    await Promise.all(calls);
    const rows = await database.query<{ n: number }>('select n from calls order by id');
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });

  test('an error keeps its SQLSTATE and is given its kind by the classifier', async () => {
    await database.script('create temporary table parents (id integer constraint parents_pk primary key)');
    await database.query('insert into parents values (1)');
    const error = database.query('insert into parents values (1)');
    await expect(error).rejects.toMatchObject({
      kind: 'race',
      code: '23505',
      cause: { constraint: 'parents_pk', detail: expect.stringContaining('(id)=(1)') },
    });
  });

  test('an error inside a transaction leaves nothing behind, neither rows nor an open transaction', async () => {
    await database.script('create temporary table halves (n integer)');
    const script = database.script('begin; insert into halves values (1); select 1 / 0; commit;');
    await expect(script).rejects.toMatchObject({ kind: 'data', code: '22012' });
    expect(await database.query('select count(*)::integer as n from halves')).toEqual([{ n: 0 }]);
  });

  test('a transaction left open is rolled back and reported as a defect', async () => {
    await expect(database.script('begin')).rejects.toMatchObject({ kind: 'defect' });
    expect(await database.query('select 1 as n')).toEqual([{ n: 1 }]);
  });

  test('timers of the main thread go on while a statement runs', async () => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 5);
    await database.query(`select count(*)::integer as n from generate_series(1, 1000000)`);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(3);
  });
});

describe('a thread that ends by itself', () => {
  const source = (body: string): Worker =>
    new Worker(`require('node:worker_threads').parentPort.on('message', () => { ${body} })`, { eval: true });

  test('calls under way are an outage, later ones a defect', async () => {
    const channel = openChannel(source('process.exit(3)'));
    const underWay = [channel.request({ do: 'close' }), channel.request({ do: 'close' })];
    for (const call of underWay) await expect(call).rejects.toMatchObject({ kind: 'outage' });
    await channel.ended;
    await expect(channel.request({ do: 'close' })).rejects.toMatchObject({ kind: 'defect' });
  });

  test('an uncaught error of the thread is named as the cause', async () => {
    const channel = openChannel(source(`throw new Error('memory access out of bounds')`));
    const call = channel.request({ do: 'close' });
    await expect(call).rejects.toMatchObject({ kind: 'outage', cause: { message: 'memory access out of bounds' } });
    await channel.ended;
  });

  test('a thread that hangs in a statement is ended', async () => {
    const channel = openChannel(source('for (;;);'), 50);
    await expect(channel.request({ do: 'close' })).rejects.toMatchObject({ kind: 'outage' });
    await channel.ended;
  });
});

describe('opening and closing', () => {
  const cleanups: Array<() => Promise<void>> = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  async function databaseDir(): Promise<string> {
    const dir = await temporaryDatabaseDir();
    cleanups.push(dir.cleanup);
    return dir.dataDir;
  }

  async function emptyDir(): Promise<string> {
    const dir = await temporaryDir();
    cleanups.push(dir.cleanup);
    return dir.dataDir;
  }

  test('close waits for what is under way, keeps it, and refuses what comes after', async () => {
    const dataDir = await databaseDir();
    const database = await open(dataDir);
    const last = database.script('create table kept (n integer); insert into kept values (7)');
    const closed = database.close();
    expect(database.close()).toBe(closed);
    await expect(database.query('select 1')).rejects.toMatchObject({ kind: 'defect' });
    await closed;
    await last;
    const again = await open(dataDir);
    expect(await again.query('select n from kept')).toEqual([{ n: 7 }]);
    await again.close();
  });

  test('a data directory that is open cannot be opened again', async () => {
    const dataDir = await databaseDir();
    const database = await open(dataDir);
    await expect(open(dataDir)).rejects.toMatchObject({ kind: 'defect', code: 'DATA_DIR_IN_USE' });
    await database.close();
    await (await open(dataDir)).close();
  });

  test('a panic of the database is an outage at once and a defect from then on, never silence', async () => {
    const dataDir = await databaseDir();
    const database = await open(dataDir);
    await rm(join(dataDir, 'pgdata', 'pg_wal'), { recursive: true });
    await expect(database.script('create table lost (n integer)')).rejects.toMatchObject({ kind: 'outage' });
    await expect(database.query('select 1')).rejects.toMatchObject({ kind: 'defect' });
    await database.close();
  });

  test('a missing directory is made, whatever an earlier attempt left half-made', async () => {
    const dataDir = join(await emptyDir(), 'deep', 'data');
    const unfinished = join(dataDir, 'pgdata.unfinished');
    await mkdir(unfinished, { recursive: true });
    await writeFile(join(unfinished, 'PG_VERSION'), '18');
    const database = await open(dataDir);
    expect(await database.query('select 1 as n')).toEqual([{ n: 1 }]);
    await database.close();
  });

  test('a data directory that is a file is a defect that says so', async () => {
    const file = join(await emptyDir(), 'data');
    await writeFile(file, 'not a directory');
    await expect(open(file)).rejects.toMatchObject({
      kind: 'defect',
      code: 'DATA_DIR_UNUSABLE',
      message: expect.stringContaining(file),
    });
  });

  test('a damaged database is a defect, not repaired by making a new one, and the directory stays unlocked', async () => {
    const dataDir = await databaseDir();
    await truncate(join(dataDir, 'pgdata', 'global', 'pg_control'), 100);
    const unusable = { kind: 'defect', code: 'DATA_DIR_UNUSABLE' };
    await expect(open(dataDir)).rejects.toMatchObject(unusable);
    await expect(open(dataDir)).rejects.toMatchObject(unusable);
  });

  test('foreign files in the way are left alone', async () => {
    const dataDir = await emptyDir();
    await writeFile(join(dataDir, 'pgdata'), 'not ours');
    await expect(open(dataDir)).rejects.toMatchObject({ kind: 'defect', code: 'DATA_DIR_UNUSABLE' });
  });

  test('every acknowledged row survives kill -9, several times over', { timeout: 60_000 }, async () => {
    const dataDir = await databaseDir();
    let total = 0;
    for (let round = 1; round <= KILL_ROUNDS; round += 1) {
      const child = startChild('./embedded-child.ts', ['insert', dataDir]);
      for (let line = 0; line < round * 20; line += 1) await child.nextLine();
      const acknowledged = Number((await child.kill()).at(-1));
      const database = await open(dataDir);
      const [found] = await database.query<{ n: number; highest: number }>(
        'select count(*)::integer as n, max(n) as highest from acknowledged',
      );
      await database.close();
      expect(acknowledged).toBeGreaterThan(total);
      expect(found?.highest).toBeGreaterThanOrEqual(acknowledged);
      expect(found?.n).toBe(found?.highest);
      total = acknowledged;
    }
  });
});
