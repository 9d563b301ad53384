import { createHash } from 'node:crypto';
import { PipelineError } from '../../errors.ts';
import type { SqlConnection } from '../../sql-connection.ts';
import { sqlFile } from '../../sql-file.ts';

const read = (path: string): string => sqlFile(import.meta.url, path);

/** Numbered changes of the tables, each run once. A released file is never edited: a change is a new file. */
const MIGRATIONS = [read('./migrations/001-tables.sql'), read('./migrations/002-types.sql')];

/** Routines and views, replaced as a whole whenever their text differs from what the database has. */
const ROUTINES = [
  'reading',
  'read-batch',
  'advance-position',
  'letters',
  'ledger',
  'apply-users',
  'apply-orders',
  'apply-payments',
  'apply-inventory',
  'apply-batch',
  'try-batch',
  'positions',
  'retry',
  'by-hand',
  'retention',
  'mirror',
].map((name) => read(`./routines/${name}.sql`));

/** Names the tables' version and the routines' text: what the database must have for this build to run. */
export const SCHEMA_VERSION = MIGRATIONS.length;
const ROUTINES_HASH = createHash('sha256').update(ROUTINES.join('\n')).digest('hex').slice(0, 16);

/** Nobody but the owner may call a routine or read a table until it is granted. */
const CLOSE_TO_PUBLIC = 'revoke all on all functions in schema store from public;';

const BEGIN = `
begin;
-- Two migrators at once: the second waits here and then finds nothing to do. The lock goes with the transaction.
select pg_advisory_xact_lock(hashtext('order-pipeline migrations'));
create schema if not exists store;
create table if not exists store.schema_version (
  version integer not null, routines text not null, migrated_at timestamptz not null default now());
`;

interface Installed {
  readonly version: number;
  readonly routines: string;
}

/** Brings the database to this build's version; safe to run again and from several places at once. */
export async function migrate(sql: SqlConnection): Promise<{ from: number; to: number }> {
  const before = await installed(sql);
  if (before.version > SCHEMA_VERSION) throw tooNew(before.version);
  if (isCurrent(before)) return { from: before.version, to: SCHEMA_VERSION };
  await sql.script(
    [BEGIN, ...MIGRATIONS.map(step), ROUTINES.join('\n'), CLOSE_TO_PUBLIC, finish(), 'commit;'].join('\n'),
  );
  return { from: before.version, to: SCHEMA_VERSION };
}

/** Refuses a database that is not at this build's version; the message names the command. */
export async function checkSchema(sql: SqlConnection): Promise<void> {
  const found = await installed(sql);
  if (found.version > SCHEMA_VERSION) throw tooNew(found.version);
  if (isCurrent(found)) return;
  const state = found.version === 0 ? 'has no tables yet' : `is at version ${found.version}, older than this build`;
  throw new PipelineError('defect', 'SCHEMA_OUTDATED', `the database ${state}; run: npm run migrate`);
}

async function installed(sql: SqlConnection): Promise<Installed> {
  const [table] = await sql.query<{ present: boolean }>(
    `select to_regclass('store.schema_version') is not null as present`,
  );
  if (table?.present !== true) return { version: 0, routines: '' };
  const [row] = await sql.query<Installed>('select version, routines from store.schema_version');
  return row ?? { version: 0, routines: '' };
}

function isCurrent(found: Installed): boolean {
  return found.version === SCHEMA_VERSION && found.routines === ROUTINES_HASH;
}

/** Runs a migration only where it has not been run: decided inside the transaction, behind the lock. */
function step(text: string, index: number): string {
  const body = `$migration$${text}$migration$`;
  return `do $do$ begin
  if coalesce((select version from store.schema_version), 0) < ${index + 1} then execute ${body}; end if;
end $do$;`;
}

function finish(): string {
  return `delete from store.schema_version;
insert into store.schema_version (version, routines) values (${SCHEMA_VERSION}, '${ROUTINES_HASH}');`;
}

function tooNew(version: number): PipelineError {
  const problem = `the database is at version ${version}, newer than this build (${SCHEMA_VERSION})`;
  return new PipelineError('defect', 'SCHEMA_TOO_NEW', `${problem}; deploy the newer build`);
}
