import type { Redis } from 'ioredis';
import type { MirrorKeys } from './keys.ts';

/**
 * Where letters may be: entries are looked for among all keys, because a list that was lost cannot name them; lists too,
 * because they may name what has no entry.
 */
const PLACES = ['entries', 'dead', 'parked'] as const;
const PAGE = 1000;

/** Some ids of letters that the mirror has, each once at least over all pages. A cursor is "place:Redis's own". */
export async function sweepPage(
  redis: Redis,
  keys: MirrorKeys,
  cursor: string | null,
): Promise<{ ids: string[]; next: string | null }> {
  const [place, from] = (cursor ?? `${PLACES[0]}:0`).split(':') as [(typeof PLACES)[number], string];
  const [to, found] =
    place === 'entries'
      ? await redis.scan(from, 'MATCH', keys.entryPattern, 'COUNT', PAGE)
      : await redis.zscan(keys[place], from, 'COUNT', PAGE);
  const ids = place === 'entries' ? found.map(keys.idOf) : found.filter((_, n) => n % 2 === 0);
  return { ids: [...new Set(ids)], next: nextCursor(place, to) };
}

function nextCursor(place: (typeof PLACES)[number], to: string): string | null {
  if (to !== '0') return `${place}:${to}`;
  const next = PLACES[PLACES.indexOf(place) + 1];
  return next === undefined ? null : `${next}:0`;
}
