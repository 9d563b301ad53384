import { randomUUID } from 'node:crypto';
import { openEmbeddedDatabase } from '../../src/embedded-database.ts';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import { classifyPostgresError } from '../../src/order-store/postgres/errors.ts';
import { migrate } from '../../src/order-store/postgres/migrate.ts';
import { postgresStore } from '../../src/order-store/postgres/store.ts';
import type { OrderStore } from '../../src/order-store.ts';
import type { SqlConnection } from '../../src/sql-connection.ts';
import { temporaryDatabaseDir } from './embedded.ts';

/** An empty, migrated order store of a test's own. */
export interface TestStore {
  readonly store: OrderStore;
  /** For tests that look at or tamper with rows. */
  readonly sql: SqlConnection;
  /** Another process's view of the same store; only where `concurrent`. */
  readonly second: () => OrderStore;
  readonly close: () => Promise<void>;
}

export interface StoreFactory {
  readonly name: string;
  /** Whether several sessions can work at once. */
  readonly concurrent: boolean;
  readonly open: () => Promise<TestStore>;
}

const embedded: StoreFactory = {
  name: 'embedded (PGlite)',
  concurrent: false,
  open: async () => {
    const { dataDir, cleanup } = await temporaryDatabaseDir();
    const sql = await openEmbeddedDatabase({ dataDir, classify: classifyPostgresError });
    await migrate(sql);
    const store = postgresStore('embedded', sql);
    const close = async (): Promise<void> => {
      await store.close();
      await cleanup();
    };
    return { store, sql, second: () => store, close };
  },
};

/** A fresh migrated database on the server; `url` is its address for other processes. */
export async function createDatabase(server: string): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `op_${randomUUID().replaceAll('-', '')}`;
  const admin = connectPostgres({ url: server, maxConnections: 1 });
  await admin.script(`create database ${name}`);
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
  const sql = connectPostgres({ url, maxConnections: 1 });
  await migrate(sql);
  await sql.close();
  return {
    url,
    drop: async () => {
      await admin.script(`drop database if exists ${name} with (force)`);
      await admin.close();
    },
  };
}

function postgres(server: string): StoreFactory {
  return {
    name: 'PostgreSQL',
    concurrent: true,
    open: async () => {
      const { url, drop } = await createDatabase(server);
      const opened: SqlConnection[] = [];
      const connect = (): SqlConnection => {
        const sql = connectPostgres({ url, maxConnections: 8 });
        opened.push(sql);
        return sql;
      };
      const sql = connect();
      return {
        store: postgresStore('postgres', sql),
        sql,
        second: () => postgresStore('postgres', connect()),
        close: async () => {
          await Promise.all(opened.map((connection) => connection.close()));
          await drop();
        },
      };
    },
  };
}

/** The server that TEST_POSTGRES_URL names, null if there is none. */
export const postgresServer: string | null = process.env['TEST_POSTGRES_URL'] ?? null;

/** Every store that this machine can run. */
export const storeFactories: readonly StoreFactory[] =
  postgresServer === null ? [embedded] : [embedded, postgres(postgresServer)];
