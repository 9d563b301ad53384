/**
 * What a failure means for the caller. Decided where the error is born, from one table per driver.
 *
 * - `race`        two writers met; nothing happened; the same call again, at once.
 * - `outage`      the server is away, refuses or did not answer; what happened is unknown; again later.
 * - `timeout`     an outage that a smaller batch may avoid.
 * - `data`        the database refuses a value; a single record may be to blame.
 * - `unforeseen`  nobody listed it; treated as an outage that a smaller batch may avoid.
 * - `defect`      a bug, a missing object, a missing permission, a wrong setting: no retry helps, the process ends.
 */
export type ErrorKind = 'race' | 'outage' | 'timeout' | 'data' | 'unforeseen' | 'defect';

/** An error whose kind is known. `code` is the driver's own (an SQLSTATE, say) or one of ours in capitals. */
export class PipelineError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'PipelineError';
    this.kind = kind;
    this.code = code;
  }
}

/** TypeScript's own mistakes are defects; whatever nobody classified is unforeseen. Never throws. */
export function kindOf(error: unknown): ErrorKind {
  if (error instanceof PipelineError) return error.kind;
  if (error instanceof TypeError || error instanceof RangeError) return 'defect';
  if (error instanceof ReferenceError || error instanceof SyntaxError) return 'defect';
  return 'unforeseen';
}

/** One line that says what went wrong, for logs and health. Never throws. */
export function describeError(error: unknown): string {
  if (error instanceof PipelineError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
