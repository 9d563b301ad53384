import type { Authorship } from '../batch.ts';
import type { LetterCursor, LetterFilter } from '../dead-letters.ts';
import type { Reason } from '../events/index.ts';

/**
 * What became of a letter: an outcome of the batch; `changed` if it is closed or somebody else was faster; `failed` if
 * it alone runs into an error of the store.
 */
export interface RedriveReport {
  readonly id: string;
  readonly outcome: 'applied' | 'stale' | 'duplicate' | 'ignored' | 'parked' | 'dead' | 'changed' | 'failed';
  readonly reason: Reason | null;
  readonly message: string | null;
}

/** What a person changes before trying again; null (undefined for the key) keeps what the letter has. */
export interface LetterChange {
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null | undefined;
  readonly eventId: string | null;
}

export type RedriveOne =
  | { readonly found: false }
  /** The change does not make an event of it; nothing was tried. */
  | {
      readonly found: true;
      readonly invalid: { readonly reason: Reason; readonly path: string | null; readonly message: string };
    }
  | { readonly found: true; readonly report: RedriveReport };

export interface RedriveOperations {
  redriveOne(id: string, change: LetterChange | null, by: Authorship, dryRun: boolean): Promise<RedriveOne>;
  /** One page of letters; `next` is where the next call goes on, null when nothing is left. */
  redriveMany(
    filter: LetterFilter,
    run: {
      readonly failedBefore: number;
      readonly limit: number;
      readonly after: LetterCursor | null;
      readonly dryRun: boolean;
    },
    by: Authorship,
  ): Promise<{ reports: RedriveReport[]; histogram: Record<string, number>; next: LetterCursor | null }>;
}
