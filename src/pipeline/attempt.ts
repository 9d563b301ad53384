import type { Authorship, LetterAttempt, LetterEdit, OpenLetter, Outcome } from '../batch.ts';
import { kindOf } from '../errors.ts';
import type { Sink } from '../order-store.ts';
import { letterBackoff, type Random, raceDelay } from './backoff.ts';
import type { Decode } from './cut-batch.ts';
import type { Emit } from './facts.ts';
import { markTwins } from './twins.ts';

export interface AttemptParts {
  readonly sink: Sink;
  readonly decode: Decode;
  readonly random: Random;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly emit: Emit;
  /** Called after a commit that left letters due. */
  readonly lettersWaiting: () => void;
}

/** How letters are tried: by whom, for real or not, and which have been parked for too long. */
export interface AttemptHow {
  readonly action: 'retry' | 'redrive';
  readonly by: Authorship;
  readonly dryRun: boolean;
  readonly expired: (letter: OpenLetter) => boolean;
  readonly edits: ReadonlyMap<string, LetterEdit>;
}

/** What became of a letter: an outcome, or the error that it alone runs into. */
export type AttemptResult = { readonly letter: OpenLetter } & (
  | { readonly outcome: Outcome }
  | { readonly error: unknown }
);

const MAX_RACES = 10;

/**
 * Tries letters again, in as few transactions as their neighbours allow: a race is run again, and a batch that the
 * database refuses is halved until the letter to blame is alone. Throws outages and defects; letters whose fate was
 * committed before stay so, and trying the others again is safe.
 */
export async function attemptLetters(
  parts: AttemptParts,
  letters: readonly OpenLetter[],
  how: AttemptHow,
): Promise<AttemptResult[]> {
  if (letters.length === 0) return [];
  try {
    return await attemptTogether(parts, letters, how);
  } catch (error) {
    const kind = kindOf(error);
    if (kind === 'outage' || kind === 'defect') throw error;
    if (letters.length === 1) return [{ letter: letters[0] as OpenLetter, error }];
    const middle = Math.ceil(letters.length / 2);
    const first = await attemptLetters(parts, letters.slice(0, middle), how);
    return [...first, ...(await attemptLetters(parts, letters.slice(middle), how))];
  }
}

async function attemptTogether(
  parts: AttemptParts,
  letters: readonly OpenLetter[],
  how: AttemptHow,
): Promise<AttemptResult[]> {
  const records = toAttempts(parts, letters, how);
  const { action, by, dryRun } = how;
  for (let races = 1; ; races += 1) {
    try {
      const result = await parts.sink.applyBatch({ from: 'letters', action, by, dryRun, records });
      if (result.fenced) throw new TypeError('letters have no position to be fenced by');
      const attempted = letters.map((letter, n) => ({ letter, outcome: result.outcomes[n] as Outcome }));
      if (!dryRun) tell(parts, attempted, records, action);
      if (result.woken > 0) parts.lettersWaiting();
      return attempted;
    } catch (error) {
      if (kindOf(error) !== 'race' || races === MAX_RACES) throw error;
      await parts.sleep(raceDelay(parts.random));
    }
  }
}

function toAttempts(parts: AttemptParts, letters: readonly OpenLetter[], how: AttemptHow): LetterAttempt[] {
  const edits = letters.map(({ id }) => how.edits.get(id) ?? null);
  const contents = letters.map(({ received }, n) => parts.decode({ ...received, ...edits[n] }));
  return markTwins(contents).map((record, n) => {
    const letter = letters[n] as OpenLetter;
    return {
      ...record,
      id: letter.id,
      revision: letter.revision,
      waitingFor: letter.waitingFor,
      retryInMs: letterBackoff(letter.attempts + 1, parts.random),
      expired: how.expired(letter),
      edit: edits[n] ?? null,
    };
  });
}

function tell(
  parts: AttemptParts,
  attempted: ReadonlyArray<{ letter: OpenLetter; outcome: Outcome }>,
  records: readonly LetterAttempt[],
  action: AttemptHow['action'],
): void {
  const letters = attempted.map(({ letter, outcome }, n) => {
    const content = records[n]?.content;
    return {
      id: letter.id,
      eventId: content?.kind === 'event' ? content.event.eventId : letter.eventId,
      eventType: content?.kind === 'event' ? content.event.eventType : ('unknown' as const),
      before: letter.state,
      status: outcome.status,
      reason: 'reason' in outcome ? outcome.reason : null,
      waitedMs: parts.now() - letter.firstFailedAt,
    };
  });
  parts.emit({ kind: 'letters-attempted', action, letters });
}
