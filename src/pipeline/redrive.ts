import type { Authorship, LetterEdit, OpenLetter } from '../batch.ts';
import type { DeadLetters } from '../dead-letters.ts';
import { describeError } from '../errors.ts';
import type { Decoded, Reason } from '../events/index.ts';
import { type AttemptParts, type AttemptResult, attemptLetters } from './attempt.ts';
import type { BatchLimits } from './cut-batch.ts';
import type { LetterChange, RedriveOne, RedriveOperations, RedriveReport } from './redrive-port.ts';

export interface RedriveParts extends AttemptParts {
  readonly deadLetters: DeadLetters;
  readonly limits: BatchLimits;
}

/** A new event id makes another event of it; allowed only where the id itself is what is wrong. */
const ID_MAY_CHANGE = new Set(['ID_CONFLICT', 'INVALID_ENVELOPE']);

/** Letters tried again by a person. The ledger and the guards make it safe: nothing doubles, nothing old overwrites. */
export function createRedrive(parts: RedriveParts): RedriveOperations {
  return {
    redriveOne: async (id, change, by, dryRun) => {
      const letter = await parts.deadLetters.open(id);
      if (letter === null) return closedOrUnknown(parts, id);
      const edited = change === null ? null : editLetter(parts, letter, change);
      if (edited !== null && 'invalid' in edited) return { found: true, invalid: edited.invalid };
      const edits = new Map(edited === null ? [] : [[id, edited.edit]]);
      const [result] = await redrive(parts, [letter], { by, dryRun, edits });
      return { found: true, report: toReport(result as AttemptResult) };
    },
    redriveMany: async (filter, { failedBefore, limit, after, dryRun }, by) => {
      const page = { limit: Math.min(limit, parts.limits.maxRecords), maxBytes: parts.limits.maxBytes, after };
      const letters = await parts.deadLetters.select({ ...filter, failedBefore }, page);
      const results = await redrive(parts, letters, { by, dryRun, edits: new Map() });
      const reports = results.map(toReport);
      return { reports, histogram: histogramOf(reports), next: letters.at(-1)?.cursor ?? null };
    },
  };
}

function redrive(
  parts: RedriveParts,
  letters: readonly OpenLetter[],
  how: { by: Authorship; dryRun: boolean; edits: ReadonlyMap<string, LetterEdit> },
): Promise<AttemptResult[]> {
  return attemptLetters(parts, letters, { ...how, action: 'redrive', expired: diedOfAge });
}

/** A letter that died waiting dies again if its parent is still missing; one that was mended may wait for it. */
function diedOfAge({ state, reason }: OpenLetter): boolean {
  return state === 'dead' && reason === 'MISSING_REFERENCE';
}

async function closedOrUnknown(parts: RedriveParts, id: string): Promise<RedriveOne> {
  const details = await parts.deadLetters.get(id);
  if (details === null) return { found: false };
  return { found: true, report: { id, outcome: 'changed', reason: null, message: `the letter is ${details.state}` } };
}

type Edited =
  | { readonly edit: LetterEdit }
  | { readonly invalid: { readonly reason: Reason; readonly path: string | null; readonly message: string } };

/** Bytes with a person's changes, checked before anything is tried: they must be an event, and the same event. */
function editLetter(parts: RedriveParts, letter: OpenLetter, change: LetterChange): Edited {
  const key = change.key === undefined ? letter.received.key : change.key;
  const value = withEventId(change.value ?? letter.received.value, change.eventId);
  const decoded = parts.decode({ ...letter.received, key, value });
  if (decoded.kind === 'rejection') return { invalid: decoded.rejection };
  const other = otherEvent(letter, decoded);
  if (other !== null) return { invalid: { reason: 'INVALID_ENVELOPE', path: 'eventId', message: other } };
  return { edit: { value: value ?? new Uint8Array(), key } };
}

function otherEvent(letter: OpenLetter, decoded: Decoded): string | null {
  if (decoded.kind !== 'event' || letter.eventId === null || decoded.event.eventId === letter.eventId) return null;
  if (ID_MAY_CHANGE.has(letter.reason)) return null;
  return `must stay ${letter.eventId}: under another id the event could be applied twice`;
}

/** The event with another id; bytes that are not a JSON object are left for the decoder to refuse. */
function withEventId(value: Uint8Array | null, eventId: string | null): Uint8Array | null {
  if (value === null || eventId === null) return value;
  try {
    const event: unknown = JSON.parse(Buffer.from(value).toString('utf8'));
    return Buffer.from(JSON.stringify({ ...(event as object), eventId }));
  } catch {
    return value;
  }
}

function toReport(result: AttemptResult): RedriveReport {
  const { id } = result.letter;
  if ('error' in result) return { id, outcome: 'failed', reason: null, message: describeError(result.error) };
  const { outcome } = result;
  if (outcome.status === 'fenced') return { id, outcome: 'changed', reason: null, message: 'changed meanwhile' };
  if (!('reason' in outcome)) return { id, outcome: outcome.status, reason: null, message: null };
  const message = outcome.waitingFor === null ? null : `waits for ${outcome.waitingFor}`;
  return { id, outcome: outcome.status, reason: outcome.reason, message };
}

function histogramOf(reports: readonly RedriveReport[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome, reason } of reports) {
    const key = reason === null ? outcome : `${outcome} ${reason}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
