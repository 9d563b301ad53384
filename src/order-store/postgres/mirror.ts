import type { MirrorLetter, MirrorState } from '../../dead-letter-mirror.ts';
import { type Reason, traceparentOf } from '../../events/index.ts';
import type { MirrorSource } from '../../order-store.ts';
import type { SqlConnection } from '../../sql-connection.ts';
import { sqlFile } from '../../sql-file.ts';
import { decodeHeaders, fromBase64 } from '../storable.ts';

const MIRROR_LETTERS = sqlFile(import.meta.url, './queries/mirror-letters.sql');

export function postgresMirrorSource(sql: SqlConnection): MirrorSource {
  return {
    holdLease: async ({ relay, turn, forMs }) => {
      const statement = 'select store.hold_mirror_lease($1, $2::integer, $3::integer) as lease';
      const [row] = await sql.query<{ lease: { turn: number; kept: boolean } | null }>(statement, [relay, turn, forMs]);
      return row?.lease ?? null;
    },
    releaseLease: async (relay) => {
      await sql.query('select store.release_mirror_lease($1)::text', [relay]);
    },
    claimChanges: async ({ relay, turn, limit, maxBytes, parkedForMs }) => {
      const statement =
        'select store.claim_letters_to_mirror($1, $2::integer, $3::integer, $4::bigint, $5::integer) as claimed';
      const values = [relay, turn, limit, maxBytes, parkedForMs];
      const [row] = await sql.query<{ claimed: Claimed }>(statement, values);
      const { letters: claimed, more } = row?.claimed ?? { letters: [], more: false };
      const letters = await mirrorLetters(
        sql,
        claimed.map(([id]) => id),
      );
      return { letters, more, newlyWaiting: new Set(claimed.flatMap(([id, isNew]) => (isNew ? [id] : []))) };
    },
    mirrored: ({ after, limit, maxBytes }) =>
      sql.query<MirrorState>('select id, state, revision from store.letters_mirrored($1, $2::integer, $3::bigint)', [
        after ?? '',
        limit,
        maxBytes,
      ]),
    letters: (ids) => mirrorLetters(sql, ids),
  };
}

interface Claimed {
  readonly letters: ReadonlyArray<readonly [id: string, newlyWaiting: boolean]>;
  readonly more: boolean;
}

async function mirrorLetters(sql: SqlConnection, ids: readonly string[]): Promise<MirrorLetter[]> {
  if (ids.length === 0) return [];
  return (await sql.query<Row>(MIRROR_LETTERS, [JSON.stringify(ids)])).map(toMirrorLetter);
}

interface Row {
  readonly id: string;
  readonly revision: number;
  readonly state: MirrorLetter['state'];
  readonly reason: Reason;
  readonly error: string;
  readonly event_id: string | null;
  readonly event_type: string | null;
  readonly entity_id: string | null;
  readonly topic: string;
  readonly partition: number;
  readonly record_offset: string;
  readonly attempts: number;
  readonly first_failed: string;
  readonly last_failed: string;
  readonly key: string | null;
  readonly payload: string | null;
  readonly headers: string;
}

function toMirrorLetter(row: Row): MirrorLetter {
  const { id, revision, state } = row;
  if (state === 'resolved' || state === 'discarded') return { id, revision, state };
  return {
    id,
    revision,
    state,
    reason: row.reason,
    error: row.error,
    eventId: row.event_id,
    eventType: row.event_type,
    entityId: row.entity_id,
    topic: row.topic,
    partition: row.partition,
    offset: row.record_offset,
    key: fromBase64(row.key),
    payload: fromBase64(row.payload),
    traceparent: traceparentOf(decodeHeaders(fromBase64(row.headers))),
    firstFailedAt: row.first_failed,
    lastFailedAt: row.last_failed,
    attempts: row.attempts,
  };
}
