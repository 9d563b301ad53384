import { HttpProblem } from './problem.ts';

/** What a cursor continues; one of another listing is refused. */
export type Listing = 'orders' | 'processed' | 'letters' | 'redrive';

/** The last item of a page: the listing's order is by time (RFC 3339 UTC), then id. */
export interface CursorKey {
  readonly at: string;
  readonly id: string;
}

/** Years of four digits, none below 1000: the databases know no year 0. */
const INSTANT = /^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const MAX_CURSOR_LENGTH = 1000;

/** Opaque to clients, so that what a page is ordered by may change. */
export function encodeCursor(listing: Listing, { at, id }: CursorKey): string {
  return Buffer.from(JSON.stringify([listing, at, id]), 'utf8').toString('base64url');
}

/**
 * Everything in a cursor reaches the database, and clients can write their own: so it must hold what this service would
 * have put there, an instant and an id of the listing's alphabet. Throws a 400 otherwise.
 */
export function decodeCursor(listing: Listing, cursor: string, isId: (text: string) => boolean): CursorKey {
  const key = cursor.length <= MAX_CURSOR_LENGTH ? readKey(cursor) : null;
  if (key === null || key.listing !== listing || !isInstant(key.at) || !isId(key.id)) {
    throw new HttpProblem(400, 'The cursor is not one that this list gave.', {
      errors: [{ path: 'cursor', message: 'take it unchanged from "next" of the page before' }],
    });
  }
  return { at: key.at, id: key.id };
}

/** One page of `limit` items and the cursor of the next, from up to `limit` + 1 items. */
export function page<Item>(
  items: readonly Item[],
  { limit, listing }: { limit: number; listing: Listing },
  keyOf: (item: Item) => CursorKey,
): { items: Item[]; next: string | null } {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  const more = items.length > limit && last !== undefined;
  return { items: shown, next: more ? encodeCursor(listing, keyOf(last)) : null };
}

function readKey(cursor: string): (CursorKey & { listing: string }) | null {
  const parsed = parseOrNull(Buffer.from(cursor, 'base64url').toString('utf8'));
  if (!Array.isArray(parsed) || parsed.length !== 3) return null;
  const [listing, at, id] = parsed.map((part) => (typeof part === 'string' ? part : ''));
  return listing === undefined || at === undefined || id === undefined ? null : { listing, at, id };
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A date that does not exist ("2026-02-30") rolls over when parsed and so is not the same text afterwards. */
function isInstant(text: string): boolean {
  if (!INSTANT.test(text)) return false;
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString() === text;
}
