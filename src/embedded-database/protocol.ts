import type { SqlValue } from '../sql-connection.ts';

/** What the worker is asked to do, one at a time and in order. `open` comes first and once, `close` last. */
export type WorkerTask =
  /** `directory` is where the files are or will be; null keeps them in memory. */
  | { readonly do: 'open'; readonly directory: string | null }
  | { readonly do: 'query'; readonly text: string; readonly values: readonly SqlValue[] }
  | { readonly do: 'script'; readonly text: string }
  | { readonly do: 'close' };

export type WorkerRequest = WorkerTask & { readonly id: number };

export type WorkerReply =
  | { readonly id: number; readonly rows: readonly unknown[] }
  | { readonly id: number; readonly failure: WorkerFailure };

/** An error on its way between threads, where class and own fields of an Error are lost. `code` is an SQLSTATE. */
export interface WorkerFailure {
  readonly message: string;
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly constraint: string | undefined;
  readonly where: string | undefined;
}
