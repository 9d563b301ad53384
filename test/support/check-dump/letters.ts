import type { Dump, LetterRow } from '../dump.ts';
import { type Arrival, emailKeyOf, type ModelEvent } from '../model-event.ts';
import type { Account } from './account.ts';

/** The reasons that a valid event can have a letter for. */
const EVENT_REASONS = new Set(['MISSING_REFERENCE', 'EMAIL_TAKEN', 'ID_CONFLICT']);
const OUTCOMES = new Set(['applied', 'stale']);

/** Every record is accounted for exactly once, and every open letter is still right about why it is open. */
export function* checkLetters(
  arrivals: readonly Arrival[],
  accounts: readonly Account[],
  dump: Dump,
): Generator<string> {
  yield* checkIdentities(arrivals, accounts, dump);
  yield* checkRejections(arrivals, dump);
  const parents = existingParents(dump);
  const holders = new Map(dump.users.map((user) => [emailKeyOf(user.email), user.userId]));
  for (const account of accounts) {
    yield* checkAccount(account);
    for (const letter of account.letters.filter(isOpen)) {
      const problem = EVENT_REASONS.has(letter.reason) ? whyWrong(letter, account, parents, holders) : null;
      if (problem !== null)
        yield `letter ${letter.id} of ${account.eventId} (${letter.state} ${letter.reason}): ${problem}`;
    }
  }
}

/** Nothing is in the store that did not arrive, and nothing is there twice. */
function* checkIdentities(arrivals: readonly Arrival[], accounts: readonly Account[], dump: Dump): Generator<string> {
  const known = new Set(accounts.map((account) => account.eventId));
  const positions = arrivals.map((arrival) => arrival.letterId).filter((id) => id !== undefined);
  const arrived = positions.length === arrivals.length ? new Set(positions) : null;
  for (const { eventId, outcome } of dump.ledger) {
    if (!known.has(eventId)) yield `the ledger knows ${eventId}, which never arrived as a valid event`;
    if (!OUTCOMES.has(outcome)) yield `the ledger says "${outcome}" of ${eventId}`;
  }
  for (const letter of dump.letters) {
    if (arrived !== null && !arrived.has(letter.id)) yield `letter ${letter.id} is of no record that arrived`;
    if (EVENT_REASONS.has(letter.reason) && !known.has(letter.eventId ?? '')) {
      yield `letter ${letter.id} (${letter.reason}) is of no valid event: ${letter.eventId}`;
    }
  }
  yield* repeated(
    dump.ledger.map((row) => row.eventId),
    'ledger row',
  );
  yield* repeated(
    dump.letters.map((letter) => letter.id),
    'letter',
  );
}

function* repeated(ids: readonly string[], what: string): Generator<string> {
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id)) yield `${what} ${id} is there twice`;
    seen.add(id);
  }
}

/** An id in the ledger explains all its arrivals but those with an unresolved letter; any other needs a letter each. */
function* checkAccount({ eventId, arrivals, letters, outcome, candidates }: Account): Generator<string> {
  const unresolved = letters.filter((letter) => EVENT_REASONS.has(letter.reason) && letter.state !== 'resolved').length;
  const count = `${arrivals.length} arrivals, ${unresolved} unresolved letters`;
  if (outcome === null && unresolved < arrivals.length) yield `${eventId} is lost: not in the ledger, ${count}`;
  if (outcome !== null && candidates.length === 0)
    yield `${eventId} is ${outcome}, yet no body of it explains which of its records have letters`;
  const most = outcome === null ? arrivals.length : arrivals.length - 1;
  if (unresolved > most) yield `${eventId} is accounted for twice: ledger ${outcome ?? 'unaware'}, ${count}`;
}

/** A record that had to be rejected has its letter, in whatever state, and for the reason it had to be. */
function* checkRejections(arrivals: readonly Arrival[], dump: Dump): Generator<string> {
  const rejected = arrivals.filter((arrival) => 'rejected' in arrival);
  const letters = dump.letters.filter((letter) => !EVENT_REASONS.has(letter.reason));
  const reasons = new Set([...rejected.map((arrival) => arrival.rejected), ...letters.map((letter) => letter.reason)]);
  for (const reason of reasons) {
    const expected = rejected.filter((arrival) => arrival.rejected === reason).length;
    const found = letters.filter((letter) => letter.reason === reason).length;
    if (expected !== found) yield `${expected} records had to be rejected as ${reason}, ${found} have such a letter`;
  }
  const byId = new Map(letters.map((letter) => [letter.id, letter]));
  for (const { letterId, rejected: reason } of rejected) {
    if (letterId === undefined) continue;
    const found = byId.get(letterId)?.reason ?? 'no letter';
    if (found !== reason) yield `record ${letterId} had to be rejected as ${reason}, found: ${found}`;
  }
}

/** Why a letter cannot be open as it is, or null. A letter may be of any of the bodies that came under its id. */
function whyWrong(
  letter: LetterRow,
  { arrivals }: Account,
  parents: ReadonlySet<string>,
  holders: ReadonlyMap<string, string>,
): string | null {
  const own = arrivals.filter(({ letterId }) => letterId === undefined || letterId === letter.id);
  const events = own.map(({ event }) => event);
  switch (letter.reason) {
    case 'MISSING_REFERENCE':
      if (!events.some((event) => event.parent !== null && event.parent === letter.waitingFor)) {
        return `it waits for ${letter.waitingFor}, which its event does not name`;
      }
      return parents.has(letter.waitingFor ?? '') ? `${letter.waitingFor} exists: it had to be woken` : null;
    case 'EMAIL_TAKEN':
      if (letter.state !== 'dead') return 'it cannot be retried by itself';
      return events.some((event) => isHeldByAnother(event, letter, holders))
        ? null
        : `no other user holds the e-mail of its event (waiting for ${letter.waitingFor}): it had to be woken`;
    default:
      if (letter.state !== 'dead') return 'it cannot be retried by itself';
      return new Set(arrivals.map(({ event }) => event.body)).size > 1 ? null : 'only one body came under this id';
  }
}

function isHeldByAnother({ effect }: ModelEvent, letter: LetterRow, holders: ReadonlyMap<string, string>): boolean {
  if (effect.table !== 'users' || letter.waitingFor !== `email:${effect.emailKey}`) return false;
  const holder = holders.get(effect.emailKey);
  return holder !== undefined && holder !== effect.row.userId;
}

function existingParents(dump: Dump): Set<string> {
  return new Set([
    ...dump.users.map((user) => `user:${user.userId}`),
    ...dump.orders.map((order) => `order:${order.orderId}`),
  ]);
}

function isOpen(letter: LetterRow): boolean {
  return letter.state === 'parked' || letter.state === 'dead';
}
