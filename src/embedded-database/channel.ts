import type { Worker } from 'node:worker_threads';
import { PipelineError } from '../errors.ts';
import type { WorkerFailure, WorkerReply, WorkerRequest, WorkerTask } from './protocol.ts';

/** Requests to the worker: sent at once, done in order. */
export interface Channel {
  /** Rejects with the worker's failure as an Error that has its fields, or with a PipelineError if the worker is gone. */
  request(task: WorkerTask): Promise<readonly unknown[]>;
  /** Asks the worker to end after what was requested before; nothing to do if it has ended by itself. */
  close(): Promise<void>;
  /** Resolves when the thread has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

interface Pending {
  resolve(rows: readonly unknown[]): void;
  reject(error: unknown): void;
}

/** A statement of this length is a thread that hangs: PostgreSQL's own timeouts need signals, which it has not here. */
const LONGEST_STATEMENT_MS = 60_000;

export function openChannel(worker: Worker, longestStatementMs = LONGEST_STATEMENT_MS): Channel {
  const pending = new Map<number, Pending>();
  // Counts for one statement at a time, the others only wait for it.
  const watchdog = setTimeout(() => {
    if (pending.size > 0) void worker.terminate();
  }, longestStatementMs).unref();
  let lastId = 0;
  let death: PipelineError | null = null;

  worker.on('message', (reply: WorkerReply) => {
    const caller = pending.get(reply.id);
    pending.delete(reply.id);
    watchdog.refresh();
    if ('rows' in reply) caller?.resolve(reply.rows);
    else caller?.reject(errorOf(reply.failure));
  });

  // What was under way may have been committed or not: an outage. A new thread is a matter for a new process: a defect.
  function die(cause: unknown): void {
    if (death !== null) return;
    clearTimeout(watchdog);
    death = new PipelineError('defect', 'EMBEDDED_DATABASE_ENDED', 'the embedded database has ended: restart', cause);
    const lost = new PipelineError('outage', 'EMBEDDED_DATABASE_DIED', 'the embedded database died meanwhile', cause);
    for (const caller of pending.values()) caller.reject(lost);
    pending.clear();
  }
  worker.on('error', die);
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', (code) => {
      die(new Error(`its thread ended with code ${code}`));
      resolve();
    });
  });

  function request(task: WorkerTask): Promise<readonly unknown[]> {
    if (death !== null) return Promise.reject(death);
    lastId += 1;
    const id = lastId;
    if (pending.size === 0) watchdog.refresh();
    return new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject });
      worker.postMessage({ ...task, id } satisfies WorkerRequest);
    });
  }

  async function close(): Promise<void> {
    try {
      if (death === null) await request({ do: 'close' });
    } finally {
      await ended;
    }
  }

  return { request, close, ended };
}

function errorOf({ message, ...fields }: WorkerFailure): Error {
  return Object.assign(new Error(message), fields);
}
