import { describeError, kindOf, PipelineError } from './errors.ts';

export interface ReachOptions {
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Told every 5 s what is waited for, and why. */
  readonly waiting: (line: string) => void;
}

const TRY_EVERY_MS = 500;
const LINE_EVERY_MS = 5000;

/**
 * Opens something that may be away while everything starts at once: tried again until the start may take no longer.
 * What no waiting helps (a refused login, a missing database, an old schema) is thrown at once.
 */
export function reachWithin(options: ReachOptions): <T>(what: string, open: () => Promise<T>) => Promise<T> {
  const deadline = options.now() + options.timeoutMs;
  return async (what, open) => {
    let nextLine = options.now() + LINE_EVERY_MS;
    for (;;) {
      try {
        return await open();
      } catch (error) {
        if (kindOf(error) === 'defect') throw error;
        if (options.now() >= deadline) throw unreachable(what, options.timeoutMs, error);
        if (options.now() >= nextLine) {
          options.waiting(`waiting for ${what}: ${describeError(error)}`);
          nextLine += LINE_EVERY_MS;
        }
        await options.sleep(TRY_EVERY_MS);
      }
    }
  };
}

function unreachable(what: string, timeoutMs: number, cause: unknown): PipelineError {
  const waited = timeoutMs === 0 ? '' : ` within ${timeoutMs / 1000} s (START_TIMEOUT)`;
  return new PipelineError('outage', 'NOT_REACHED', `no ${what}${waited}: ${describeError(cause)}`, cause);
}
