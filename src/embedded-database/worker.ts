import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import type { SqlValue } from '../sql-connection.ts';
import type { WorkerFailure, WorkerReply, WorkerRequest, WorkerTask } from './protocol.ts';

/**
 * PostgreSQL in WebAssembly, in a thread of its own: a statement runs without a pause from start to end, and on the
 * main thread a drain would starve timers and HTTP.
 */

type WithoutId<Task> = Task extends { readonly id: number } ? Omit<Task, 'id'> : Task;

/** pg gives bigint as text, and times as text once they are cast; PGlite would parse both and round some of them. */
const AS_TEXT = (text: string): string => text;
const PARSERS = { 20: AS_TEXT, 1082: AS_TEXT, 1114: AS_TEXT, 1184: AS_TEXT, 17: AS_TEXT };
/** pg sends text as it is; PGlite insists on bytes for a bytea parameter. */
const SERIALIZERS = { 17: String };

const port = parentPort as MessagePort;
const complaints: string[] = [];
let database: PGlite | null = null;
let queue = Promise.resolve();

port.on('message', (request: WorkerRequest) => {
  queue = queue.then(() => answer(request));
});

async function answer({ id, ...task }: WorkerRequest): Promise<void> {
  let reply: WorkerReply;
  try {
    reply = { id, rows: await run(task) };
  } catch (error) {
    reply = { id, failure: failureOf(error) };
  }
  port.postMessage(reply);
  if (task.do === 'close') port.close();
}

async function run(task: WithoutId<WorkerTask>): Promise<readonly unknown[]> {
  switch (task.do) {
    case 'open':
      database = await open(task.directory);
      return [];
    case 'query': {
      const { text, values } = task;
      return inOwnTransaction((db) => query(db, text, values));
    }
    case 'script':
      await inOwnTransaction((db) => db.exec(task.text));
      return [];
    case 'close':
      await database?.close();
      return [];
  }
}

async function query(db: PGlite, text: string, values: readonly SqlValue[]): Promise<readonly unknown[]> {
  const { rows, command } = await db.query(text, [...values], { serializers: SERIALIZERS });
  // Neither finished nor failed: WebAssembly trapped, and PGlite caught that too. No rows would look like success.
  if (command === undefined) endThread();
  return rows;
}

async function open(directory: string | null): Promise<PGlite> {
  if (directory !== null && !existsSync(join(directory, 'PG_VERSION'))) await initialise(directory);
  const db = await create(directory ?? 'memory://');
  // A PANIC (no space for the log of changes, say) aborts PostgreSQL. PGlite catches that and then waits for ever for the
  // next statement's answer, so the thread ends here.
  db.Module['onAbort'] = endThread;
  return db;
}

function endThread(): never {
  process.exit(1);
}

/** In a directory beside, then renamed: killed half-way it begins again, instead of finding half a database for ever. */
async function initialise(directory: string): Promise<void> {
  const unfinished = `${directory}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await (await create(unfinished)).close();
  await rename(unfinished, directory);
}

function create(directory: string): Promise<PGlite> {
  return PGlite.create(directory, { parsers: PARSERS, onStderr: rememberComplaint });
}

/** The reason why a database does not start is only ever printed. */
function rememberComplaint(line: string): boolean {
  if (/FATAL|PANIC|ERROR/.test(line)) complaints.push(line);
  if (complaints.length > 5) complaints.shift();
  return false;
}

/** There is one session: a transaction left open, by an error or by mistake, would swallow every later statement. */
async function inOwnTransaction<T>(work: (db: PGlite) => Promise<T>): Promise<T> {
  const db = opened();
  let result: T;
  try {
    result = await work(db);
  } catch (error) {
    if (db.isInTransaction()) await db.exec('rollback');
    throw error;
  }
  if (!db.isInTransaction()) return result;
  await db.exec('rollback');
  throw Object.assign(new Error('the statement left a transaction open; it was rolled back'), { code: '42000' });
}

function opened(): PGlite {
  if (database === null) throw new Error('the embedded database is not open');
  return database;
}

function failureOf(error: unknown): WorkerFailure {
  const { message, code, detail, constraint, where } = (error ?? {}) as Partial<WorkerFailure>;
  const said = database === null && complaints.length > 0 ? ` (${complaints.join('; ')})` : '';
  return { message: `${message ?? String(error)}${said}`, code, detail, constraint, where };
}
