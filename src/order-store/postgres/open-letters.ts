import type { OpenLetter } from '../../batch.ts';
import type { Reason } from '../../events/index.ts';
import type { SqlConnection } from '../../sql-connection.ts';
import { sqlFile } from '../../sql-file.ts';
import { decodeHeaders, fromBase64 } from '../storable.ts';

const OPEN_LETTERS = sqlFile(import.meta.url, './queries/open-letters.sql');

interface Row {
  readonly id: string;
  readonly revision: number;
  readonly state: 'parked' | 'dead';
  readonly reason: Reason;
  readonly waiting_for: string | null;
  readonly event_id: string | null;
  readonly attempts: number;
  readonly topic: string;
  readonly partition: number;
  readonly record_offset: string;
  readonly first_failed_at: string;
  readonly record_timestamp: string;
  readonly key: string | null;
  readonly payload: string | null;
  readonly headers: string;
}

/** The open ones of these letters in the order of the ids, each with its latest bytes. */
export async function openLetters(sql: SqlConnection, ids: readonly string[]): Promise<OpenLetter[]> {
  if (ids.length === 0) return [];
  return (await sql.query<Row>(OPEN_LETTERS, [JSON.stringify(ids)])).map(toOpenLetter);
}

function toOpenLetter(row: Row): OpenLetter {
  return {
    id: row.id,
    revision: row.revision,
    state: row.state,
    reason: row.reason,
    waitingFor: row.waiting_for,
    eventId: row.event_id,
    attempts: row.attempts,
    firstFailedAt: Number(row.first_failed_at),
    received: {
      topic: row.topic,
      partition: row.partition,
      offset: BigInt(row.record_offset),
      timestamp: Number(row.record_timestamp),
      key: fromBase64(row.key),
      value: fromBase64(row.payload),
      headers: decodeHeaders(fromBase64(row.headers)),
    },
  };
}
