import type { OrderStore } from '../../order-store.ts';
import type { SqlConnection } from '../../sql-connection.ts';
import { postgresDeadLetters } from './dead-letters.ts';
import { postgresMirrorSource } from './mirror.ts';
import { postgresReads } from './reads.ts';
import { postgresSink } from './sink.ts';

/** The order store on a migrated PostgreSQL database, native or embedded. Closing it closes the connection. */
export function postgresStore(kind: 'postgres' | 'embedded', sql: SqlConnection): OrderStore {
  return {
    kind,
    sink: postgresSink(sql),
    deadLetters: postgresDeadLetters(sql),
    reads: postgresReads(sql),
    mirror: postgresMirrorSource(sql),
    close: () => sql.close(),
  };
}
