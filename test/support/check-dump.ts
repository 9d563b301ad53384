import { type Account, accountsOf } from './check-dump/account.ts';
import { checkLetters } from './check-dump/letters.ts';
import { checkRows } from './check-dump/rows.ts';
import { canonicalDump, type Dump } from './dump.ts';
import type { Arrival, ModelEvent } from './model-event.ts';

/** Ids whose winning body can only be found by trying: 2^10 tries are plenty and still quick. */
const MAX_TRIES = 1_024;

/**
 * Checks a dump of a store that has settled (every record read, every due letter tried until none changes) against the
 * records that arrived. Gives the violations in words; empty means that the dump keeps the contract.
 *
 * It verifies where the contract leaves a choice: who holds an e-mail is taken from the dump and must then hold for
 * every letter; of two bodies under one id some choice must explain the whole dump. Letters edited or discarded by a
 * person are outside of what it knows, but a discarded letter counts as an account of its record.
 */
export function checkDump(arrivals: Iterable<Arrival>, dump: Dump): string[] {
  const records = [...arrivals];
  const canonical = canonicalDump(dump);
  const accounts = accountsOf(records, canonical);
  const violations = [...checkLetters(records, accounts, canonical)];
  const undecided = accounts.filter((account) => account.candidates.length > 1);
  const tries = undecided.reduce((product, account) => product * account.candidates.length, 1);
  if (tries > MAX_TRIES) return [...violations, `${undecided.length} id conflicts are too many without letter ids`];
  return [...violations, ...bestExplanation(accounts, undecided, tries, canonical)];
}

/** Those violations of the rows that remain whichever bodies are taken to have won. */
function bestExplanation(
  accounts: readonly Account[],
  undecided: readonly Account[],
  tries: number,
  dump: Dump,
): string[] {
  let best: string[] | null = null;
  for (let attempt = 0; attempt < tries && best?.length !== 0; attempt += 1) {
    const violations = checkRows(winnersOf(accounts, undecided, attempt), dump);
    if (best === null || violations.length < best.length) best = violations;
  }
  return best ?? [];
}

/** `attempt` counts through the combinations of candidates, as digits of a number of mixed bases. */
function winnersOf(
  accounts: readonly Account[],
  undecided: readonly Account[],
  attempt: number,
): Array<{ event: ModelEvent; outcome: string }> {
  const choice = new Map<Account, number>();
  let rest = attempt;
  for (const account of undecided) {
    choice.set(account, rest % account.candidates.length);
    rest = Math.floor(rest / account.candidates.length);
  }
  return accounts.flatMap((account) => {
    const event = account.candidates[choice.get(account) ?? 0];
    return event === undefined || account.outcome === null ? [] : [{ event, outcome: account.outcome }];
  });
}
