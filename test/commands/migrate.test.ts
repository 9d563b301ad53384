import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import type { SqlConnection } from '../../src/sql-connection.ts';
import { runToEnd } from '../support/service-process.ts';
import { postgresServer } from '../support/stores.ts';

const TIMEOUT = { timeout: 60_000 };
const migrate = (env: Readonly<Record<string, string>>, ...args: string[]) => runToEnd('migrate', args, { env });

describe('migrate', TIMEOUT, () => {
  test('--help says what it needs', async () => {
    const help = await migrate({}, '--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('POSTGRES_URL=');
  });

  test.each(['--force', 'down'])('%s is refused with 2 and one line', async (argument) => {
    const { code, stderr } = await migrate({}, argument);
    expect(stderr).toBe(`migrate: unexpected argument ${argument}\nSee: npm run migrate -- --help\n`);
    expect(code).toBe(2);
  });

  test('without a server it says so in one line', async () => {
    const { code, stderr } = await migrate({});
    expect(stderr).toMatch(/^migrate: no server to migrate: set POSTGRES_URL.*\n$/);
    expect(code).toBe(1);
  });

  test('a server that is away is one line', async () => {
    const { code, stderr } = await migrate({ POSTGRES_URL: 'postgres://op@127.0.0.1:1/orders' });
    expect(stderr).toMatch(/^migrate: .*ECONNREFUSED.*\n$/);
    expect(code).toBe(1);
  });
});

describe.skipIf(postgresServer === null)('migrate on PostgreSQL', TIMEOUT, () => {
  const server = postgresServer ?? '';
  const name = `op_migrate_${randomUUID().replaceAll('-', '')}`;
  const env = { POSTGRES_URL: server === '' ? '' : Object.assign(new URL(server), { pathname: `/${name}` }).href };
  let admin: SqlConnection;

  beforeAll(async () => {
    admin = connectPostgres({ url: server, maxConnections: 1 });
    await admin.script(`create database ${name}`);
  });
  afterAll(async () => {
    await admin.script(`drop database ${name} with (force)`);
    await admin.close();
  });

  test('two at once and a third later: the tables are made once', async () => {
    const both = await Promise.all([migrate(env), migrate(env)]);
    for (const { code, stderr } of both) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const again = await migrate(env);
    expect(again.stdout).toMatch(/^the database was at version (\d+) and is at version \1$/);
  });
});
