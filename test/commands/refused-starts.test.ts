import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import type { SqlConnection } from '../../src/sql-connection.ts';
import { temporaryDatabaseDir, temporaryDir } from '../support/embedded.ts';
import { eventually } from '../support/pipeline-driver.ts';
import { type Finished, runToEnd, startCommand, startService } from '../support/service-process.ts';
import { createDatabase, postgresServer } from '../support/stores.ts';

const TIMEOUT = { timeout: 60_000 };
type Variables = Readonly<Record<string, string>>;

/** A start that ends by itself, with a free port if none is given. */
function refused(env: Variables): Promise<Finished> {
  return runToEnd('consumer', [], { env: { HTTP_PORT: '0', ...env } });
}

/** One line for a person: no stack, no greeting, and what it says is on stderr. */
function expectOneLine({ code, stderr }: Finished, line: string | RegExp): void {
  expect(stderr).toMatch(line);
  expect(stderr.trim().split('\n'), stderr).toHaveLength(1);
  expect(stderr).toMatch(/^order-pipeline: /);
  expect(code).toBe(1);
}

async function ownDir(prepared: 'empty' | 'database'): Promise<string> {
  const { dataDir, cleanup } = await (prepared === 'empty' ? temporaryDir() : temporaryDatabaseDir());
  onTestFinished(cleanup);
  return dataDir;
}

async function listen(port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

/** Succeeds only if nobody has the port. */
async function expectFree(port: number): Promise<void> {
  await close((await listen(port)).server);
}

async function freePort(): Promise<number> {
  const { server, port } = await listen();
  await close(server);
  return port;
}

describe('a start is refused in one line, and leaves nothing behind', TIMEOUT, () => {
  test('if the port is in use; DATA_DIR is free again afterwards', async () => {
    const { server, port } = await listen();
    const env = { DATA_DIR: await ownDir('database'), HTTP_PORT: `${port}` };
    const ended = await refused(env);
    await close(server);
    expectOneLine(ended, `Port ${port} of 127.0.0.1 is in use`);
    expect(ended.stdout).not.toContain('"msg":"started"');
    const service = await startService({ env });
    await service.kill9();
  });

  test('if DATA_DIR is a file, which is left as it is', async () => {
    const file = join(await ownDir('empty'), 'file');
    await writeFile(file, 'mine');
    const port = await freePort();
    expectOneLine(await refused({ DATA_DIR: file, HTTP_PORT: `${port}` }), `cannot use ${file}`);
    expect(await readFile(file, 'utf8')).toBe('mine');
    await expectFree(port);
  });

  test('if DATA_DIR cannot be written to', async () => {
    const readOnly = await ownDir('empty');
    await chmod(readOnly, 0o500);
    // Root may write wherever there are files.
    const dataDir = process.getuid?.() === 0 ? '/sys/order-pipeline' : join(readOnly, 'data');
    expectOneLine(await refused({ DATA_DIR: dataDir }), /cannot use \/\S+: .*user may write to/);
  });

  test('if another process uses DATA_DIR, which goes on', async () => {
    const env = { DATA_DIR: await ownDir('database') };
    const service = await startService({ env });
    expectOneLine(await refused(env), `${env.DATA_DIR} is used by another process`);
    expect((await fetch(`${service.url}/ready`)).status).toBe(200);
    await service.kill9();
  });

  test('if variables are wrong: all of them at once, and secrets are not repeated', async () => {
    const dataDir = join(await ownDir('empty'), 'data');
    const wrong = {
      DATA_DIR: dataDir,
      HTTP_PORT: 'http',
      START_TIMEOUT: 'soon',
      LOG_EVENTS: 'maybe',
      ADMIN_TOKEN: 'tiny',
    };
    const { code, stderr } = await refused(wrong);
    expect(code).toBe(1);
    for (const name of ['HTTP_PORT', 'START_TIMEOUT', 'LOG_EVENTS', 'ADMIN_TOKEN']) {
      expect(stderr.match(new RegExp(`^  ${name} must be .+$`, 'gm')), stderr).toHaveLength(1);
    }
    expect(stderr.trim().split('\n')).toHaveLength(5);
    expect(stderr).not.toContain('tiny');
    expect(existsSync(dataDir)).toBe(false);
  });

  test.each([
    ['SQLSERVER_HOST', { SQLSERVER_HOST: 'localhost', SQLSERVER_USER: 'sa', SQLSERVER_PASSWORD: 'Secret-1' }],
  ])('if %s is set, which this build has no adapter for', async (name, env) => {
    const dataDir = join(await ownDir('empty'), 'data');
    expectOneLine(await refused({ DATA_DIR: dataDir, ...env }), `${name} is set, but this build has no adapter`);
    expect(existsSync(dataDir)).toBe(false);
  });

  test('if the database does not answer within START_TIMEOUT, naming what is missing', async () => {
    const POSTGRES_URL = `postgres://service@127.0.0.1:${await freePort()}/orders`;
    const port = await freePort();
    const env = { POSTGRES_URL, START_TIMEOUT: '1s', HTTP_PORT: `${port}`, DATA_DIR: await ownDir('empty') };
    expectOneLine(await refused(env), /no PostgreSQL within 1 s \(START_TIMEOUT\): ECONNREFUSED/);
    await expectFree(port);
  });

  test('by a signal while it waits for a database, at once', async () => {
    const POSTGRES_URL = `postgres://service@127.0.0.1:${await freePort()}/orders`;
    const env = { POSTGRES_URL, START_TIMEOUT: '1h', HTTP_PORT: '0', DATA_DIR: await ownDir('empty') };
    const waiting = startCommand('consumer', [], { env });
    await eventually('it says what it waits for', () =>
      waiting.lines.some((line) => line.includes('waiting for PostgreSQL: ECONNREFUSED')),
    );
    waiting.signal('SIGTERM');
    expect(await waiting.exited).toEqual({ code: 143, signal: null });
  });
});

describe.skipIf(postgresServer === null)('a start on PostgreSQL is refused in one line', TIMEOUT, () => {
  const server = postgresServer ?? '';
  const login = `op_start_${randomUUID().replaceAll('-', '')}`;
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let admin: SqlConnection;

  beforeAll(async () => {
    database = await createDatabase(server);
    admin = connectPostgres({ url: database.url, maxConnections: 1 });
    await admin.script(`create role ${login} login;`);
  });
  afterAll(async () => {
    await admin.script(`drop owned by ${login}; drop role ${login};`);
    await admin.close();
    await database.drop();
  });

  const withLogin = (url: string, username: string): string => Object.assign(new URL(url), { username }).href;
  const onDatabase = async (url: string): Promise<Finished> =>
    refused({ POSTGRES_URL: url, DATA_DIR: await ownDir('database') });

  test('without tables: it names the command that makes them', async () => {
    await admin.script(`create database ${login}_empty`);
    const url = Object.assign(new URL(server), { pathname: `/${login}_empty` }).href;
    const ended = await onDatabase(url);
    await admin.script(`drop database ${login}_empty`);
    expectOneLine(ended, 'the database has no tables yet; run: npm run migrate');
  });

  test('if there is no such database', async () => {
    const url = Object.assign(new URL(server), { pathname: '/nowhere' }).href;
    expectOneLine(await onDatabase(url), 'database "nowhere" does not exist');
  });

  test('if the login is refused, without waiting for START_TIMEOUT', async () => {
    expectOneLine(await onDatabase(withLogin(database.url, `${login}_nobody`)), `"${login}_nobody" does not exist`);
  });

  test('if the login may read but not execute the routines', async () => {
    await admin.script(
      `grant usage on schema store to ${login}; grant select on all tables in schema store to ${login};`,
    );
    expectOneLine(await onDatabase(withLogin(database.url, login)), 'permission denied for function');
  });
});
