import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type DataDirLock, lockDataDir } from './data-dir-lock.ts';
import { type Channel, openChannel } from './embedded-database/channel.ts';
import { describeError, PipelineError } from './errors.ts';
import type { SqlConnection } from './sql-connection.ts';

export interface EmbeddedDatabaseOptions {
  /** Made if it does not exist, and held by this process until `close`. Null keeps everything in memory. */
  readonly dataDir: string | null;
  /** Gives a driver's error, with its SQLSTATE in `code`, its kind. */
  readonly classify: (error: unknown) => PipelineError;
}

/**
 * PostgreSQL inside this process, one session, its files in `dataDir`. What was acknowledged survives kill -9, for the
 * operating system has it by then; it is not synced to the disk, and so may not survive a power cut.
 */
export type EmbeddedDatabase = SqlConnection;

/**
 * Opens the database, or makes it (4 s). Statements run in the order of the calls, one at a time. If the thread that
 * runs them dies, calls under way reject with kind `outage` and all later ones with `defect`.
 *
 * @throws PipelineError defect DATA_DIR_IN_USE or DATA_DIR_UNUSABLE
 */
export async function openEmbeddedDatabase(options: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
  const dataDir = options.dataDir === null ? null : resolve(options.dataDir);
  const lock = dataDir === null ? null : await takeDataDir(dataDir);
  const worker = startWorker();
  const channel = openChannel(worker);
  try {
    await channel.request({ do: 'open', directory: dataDir === null ? null : join(dataDir, 'pgdata') });
  } catch (error) {
    await worker.terminate();
    await lock?.release();
    throw unusable(dataDir ?? 'memory', error);
  }
  return connectionOver(channel, options.classify, lock);
}

async function takeDataDir(dataDir: string): Promise<DataDirLock> {
  try {
    await mkdir(dataDir, { recursive: true });
    return await lockDataDir(dataDir);
  } catch (error) {
    throw error instanceof PipelineError ? error : unusable(dataDir, error);
  }
}

function startWorker(): Worker {
  const fromSource = import.meta.url.endsWith('.ts');
  const file = fromSource ? './embedded-database/worker-from-source.mjs' : './embedded-database/worker.js';
  // Without the parent's flags: --import, --inspect and the like are not meant for this thread.
  return new Worker(new URL(file, import.meta.url), { execArgv: [], name: 'embedded-database' });
}

function connectionOver(
  channel: Channel,
  classify: (error: unknown) => PipelineError,
  lock: DataDirLock | null,
): SqlConnection {
  let closing: Promise<void> | null = null;

  async function request(task: Parameters<Channel['request']>[0]): Promise<readonly unknown[]> {
    if (closing !== null) throw new PipelineError('defect', 'EMBEDDED_DATABASE_CLOSED', 'the database is closed');
    return channel.request(task).catch((error: unknown) => {
      throw error instanceof PipelineError ? error : classify(error);
    });
  }

  async function close(): Promise<void> {
    try {
      await channel.close();
    } finally {
      await lock?.release();
    }
  }

  return {
    query: async <Row>(text: string, values = []) => (await request({ do: 'query', text, values })) as Row[],
    script: async (text) => void (await request({ do: 'script', text })),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function unusable(dataDir: string, cause: unknown): PipelineError {
  const advice =
    'DATA_DIR must be a directory that this user may write to, made by this version; repair it, restore it or set another';
  const message = `the embedded database cannot use ${dataDir}: ${describeError(cause)}. ${advice}`;
  return new PipelineError('defect', 'DATA_DIR_UNUSABLE', message, cause);
}
