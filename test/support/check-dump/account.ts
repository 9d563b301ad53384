import type { Dump, LetterRow } from '../dump.ts';
import type { Arrival, ModelEvent } from '../model-event.ts';

/** All that is known of one event id: its arrivals, its letters, what the ledger says, the bodies that may have won. */
export interface Account {
  readonly eventId: string;
  readonly arrivals: ReadonlyArray<{ readonly event: ModelEvent; readonly letterId?: string }>;
  /** Letters of every state. */
  readonly letters: readonly LetterRow[];
  /** `applied`, `stale`, or null for an id that the ledger does not know. */
  readonly outcome: string | null;
  /** One for each body that may be the one in the ledger; empty if the ledger does not know the id. */
  readonly candidates: readonly ModelEvent[];
}

/** One account for each id of a valid event that arrived. */
export function accountsOf(arrivals: readonly Arrival[], dump: Dump): Account[] {
  const outcomes = new Map(dump.ledger.map((row) => [row.eventId, row.outcome]));
  const letters = grouped(dump.letters, (letter) => letter.eventId ?? '');
  const events = arrivals.filter((arrival) => 'event' in arrival);
  return [...grouped(events, (arrival) => arrival.event.eventId)].map(([eventId, ofId]) => {
    const account = {
      eventId,
      arrivals: ofId,
      letters: letters.get(eventId) ?? [],
      outcome: outcomes.get(eventId) ?? null,
    };
    return { ...account, candidates: account.outcome === null ? [] : candidatesOf(account) };
  });
}

/**
 * A body may have won if one of its records has no unresolved letter, and every record of another body has one: what
 * comes second under an id is never applied and never a duplicate.
 */
function candidatesOf({ arrivals, letters }: Pick<Account, 'arrivals' | 'letters'>): ModelEvent[] {
  const unresolved = new Set(letters.filter((letter) => letter.state !== 'resolved').map((letter) => letter.id));
  const bodies = new Map(arrivals.map(({ event }) => [event.body, event]));
  return [...bodies.values()].filter(({ body }) => {
    const others = arrivals.filter(({ event }) => event.body !== body);
    return (
      arrivals.some(({ event, letterId }) => event.body === body && !(letterId && unresolved.has(letterId))) &&
      others.every(({ letterId }) => letterId === undefined || unresolved.has(letterId)) &&
      others.length <= unresolved.size
    );
  });
}

function grouped<T>(all: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(key(one));
    if (group === undefined) groups.set(key(one), [one]);
    else group.push(one);
  }
  return groups;
}
