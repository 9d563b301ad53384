import { checkEvent, type DecodeLimits, recordKey, withIdentity } from '../events/index.ts';
import { MAX_EVENTS_PER_REQUEST } from './limits.ts';
import { HttpProblem, type ProblemEntry } from './problem.ts';

/** A valid event as it goes into the log. */
export interface AcceptedEvent {
  readonly eventId: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What an event gets that comes without an id and a time of its own. */
export interface Identity {
  readonly newEventId: () => string;
  readonly occurredAt: string;
}

interface CheckRules {
  readonly identity: Identity;
  readonly limits: DecodeLimits;
  readonly now: number;
}

/** One event or an array of them. Throws a 400 that names every bad field, by index if it is an array. */
export function checkEvents(body: unknown, rules: CheckRules): AcceptedEvent[] {
  const values = Array.isArray(body) ? (body as unknown[]) : [body];
  if (values.length === 0 || values.length > MAX_EVENTS_PER_REQUEST) {
    throw new HttpProblem(
      400,
      `Send one event or an array of 1 to ${MAX_EVENTS_PER_REQUEST}; these are ${values.length}.`,
    );
  }
  const checked = values.map((value) => checkOne(value, rules));
  const errors = checked.flatMap((result, i) =>
    'problems' in result ? result.problems.map((problem) => atIndex(problem, Array.isArray(body) ? i : null)) : [],
  );
  if (errors.length > 0) {
    const bad = checked.filter((result) => 'problems' in result).length;
    throw new HttpProblem(400, `${bad} of ${values.length} events are not valid; nothing was published.`, { errors });
  }
  return checked.flatMap((result) => ('problems' in result ? [] : [result]));
}

type Checked = AcceptedEvent | { readonly problems: readonly ProblemEntry[] };

function checkOne(given: unknown, { identity, limits, now }: CheckRules): Checked {
  const { newEventId, occurredAt } = identity;
  const value = withIdentity(given, { eventId: newEventId(), occurredAt });
  const result = checkEvent(value, limits, now);
  if (!result.ok) return { problems: explainIdentity(value, result.problems) };
  const { event } = result;
  // The bytes are of what was given, fields that nobody knows included, not of what it was read as.
  const bytes = Buffer.from(JSON.stringify(value), 'utf8');
  return { eventId: event.eventId, key: Buffer.from(recordKey(event), 'utf8'), value: bytes };
}

/** A missing id or time beside a given one: says that both may be left out. */
function explainIdentity(value: unknown, problems: readonly ProblemEntry[]): ProblemEntry[] {
  const missing = (path: string) => isObject(value) && IDENTITY.has(path) && !(path in value);
  return problems.map((entry) =>
    missing(entry.path) ? { ...entry, message: 'must be given: eventId and occurredAt go together' } : entry,
  );
}

const IDENTITY: ReadonlySet<string> = new Set(['eventId', 'occurredAt']);

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function atIndex(entry: ProblemEntry, index: number | null): ProblemEntry {
  if (index === null) return entry;
  return { ...entry, path: entry.path === '' ? `[${index}]` : `[${index}].${entry.path}` };
}
