import type { z } from 'zod';
import { REASONS, type Reason } from './reasons.ts';
import { isStorableText, UNSTORABLE_TEXT } from './text.ts';

/** One thing wrong with an event. `path` is like payload.items[3].quantity, empty for the event as a whole. */
export interface Problem {
  readonly path: string;
  /** What it should be. Never quotes what was sent: that may be personal data, and of any length. */
  readonly message: string;
  readonly reason: Reason;
}

/** More than these help nobody, and 256 KiB can hold a hundred thousand. */
const MAX_PROBLEMS = 100;

/** What a schema found wrong with `value`, each once, the most basic reason first. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], value: unknown): Problem[] {
  const problems = new Map<string, Problem>();
  for (const issue of issues) {
    const problem = problemOf(issue, value);
    problems.set(`${problem.path} ${problem.message}`, problem);
    if (problems.size === MAX_PROBLEMS) break;
  }
  return [...problems.values()].sort((a, b) => REASONS.indexOf(a.reason) - REASONS.indexOf(b.reason));
}

function problemOf(issue: z.core.$ZodIssue, value: unknown): Problem {
  const received = valueAt(value, issue.path);
  const reason = reasonOf(issue, received);
  const message = reason === 'INVALID_TEXT' ? UNSTORABLE_TEXT : issue.message;
  return { path: showPath(issue.path), message: received === undefined ? `is missing, ${message}` : message, reason };
}

function reasonOf({ path, code, ...issue }: z.core.$ZodIssue, received: unknown): Reason {
  if (path[0] === 'payload' && path.length > 1) {
    return typeof received === 'string' && !isStorableText(received) ? 'INVALID_TEXT' : 'INVALID_PAYLOAD';
  }
  if (code === 'custom' && 'params' in issue && path[0] === 'eventType') return 'UNKNOWN_TYPE';
  if (path[0] === 'version' && Number.isSafeInteger(received) && Number(received) > 1) return 'UNSUPPORTED_VERSION';
  return 'INVALID_ENVELOPE';
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown> | null)?.[step], value);
}

/** Steps are names of the schema and indexes, never names that a stranger chose. */
function showPath(path: readonly PropertyKey[]): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '');
}
