import type {
  DeadLetters,
  LetterAction,
  LetterCount,
  LetterCursor,
  LetterDetails,
  LetterFilter,
  LetterState,
  LetterSummary,
} from '../../dead-letters.ts';
import type { Reason } from '../../events/index.ts';
import type { SqlConnection, SqlValue } from '../../sql-connection.ts';
import { sqlFile } from '../../sql-file.ts';
import { decodeHeaders, fromBase64 } from '../storable.ts';
import { openLetters } from './open-letters.ts';

const query = (name: string): string => sqlFile(import.meta.url, `./queries/${name}.sql`);
const LETTERS = query('letters');
const LETTER = query('letter');
const LETTER_ACTIONS = query('letter-actions');
const LETTER_COUNTS = query('letter-counts');
const LETTERS_TO_REDRIVE = query('letters-to-redrive');

export function postgresDeadLetters(sql: SqlConnection): DeadLetters {
  return {
    list: async (filter, { limit, after }) => {
      const values = [...filterValues(filter), after?.lastFailedAt ?? null, after?.id ?? null, limit];
      return (await sql.query<SummaryRow>(LETTERS, values)).map(toSummary);
    },
    get: async (id) => {
      const [row] = await sql.query<DetailsRow>(LETTER, [id]);
      if (row === undefined) return null;
      return toDetails(row, (await sql.query<ActionRow>(LETTER_ACTIONS, [id])).map(toAction));
    },
    stats: async () => (await sql.query<CountRow>(LETTER_COUNTS)).map(toCount),
    open: async (id) => (await openLetters(sql, [id]))[0] ?? null,
    select: async (filter, { limit, maxBytes, after }) => {
      const values = [...filterValues(filter), after?.lastFailedAt ?? null, after?.id ?? null, limit, maxBytes];
      const rows = await sql.query<{ id: string; last_failed: string }>(LETTERS_TO_REDRIVE, values);
      const cursors = new Map(
        rows.map((r): [string, LetterCursor] => [r.id, { lastFailedAt: r.last_failed, id: r.id }]),
      );
      const letters = await openLetters(sql, [...cursors.keys()]);
      return letters.map((letter) => ({ ...letter, cursor: cursors.get(letter.id) as LetterCursor }));
    },
    discard: async (id, revision, by) => {
      const values = [id, revision, by.actor, by.note];
      const [row] = await sql.query<{ done: boolean }>(
        'select store.discard_letter($1, $2::integer, $3, $4) as done',
        values,
      );
      return row?.done === true;
    },
    quarantine: async ({ topic, partition, offset }, by) => {
      const [row] = await sql.query<{ done: boolean }>(
        'select store.quarantine_record($1, $2::integer, $3::bigint, $4, $5) as done',
        [topic, partition, offset.toString(), by.actor, by.note],
      );
      return row?.done === true;
    },
  };
}

/** $1 to $6 of every list of letters. */
function filterValues(filter: LetterFilter): SqlValue[] {
  return [
    filter.state ?? null,
    filter.reason ?? null,
    filter.eventType ?? null,
    filter.entityId ?? null,
    filter.failedBefore?.toString() ?? null,
    filter.failedAfter?.toString() ?? null,
  ];
}

export interface SummaryRow {
  readonly id: string;
  readonly state: LetterState;
  readonly reason: Reason;
  readonly error: string;
  readonly path: string | null;
  readonly event_id: string | null;
  readonly event_type: string | null;
  readonly entity_id: string | null;
  readonly waiting_for: string | null;
  readonly topic: string;
  readonly partition: number;
  readonly record_offset: string;
  readonly attempts: number;
  readonly revision: number;
  readonly first_failed: string;
  readonly last_failed: string;
  readonly next_attempt: string | null;
}

export function toSummary(row: SummaryRow): LetterSummary {
  return {
    id: row.id,
    state: row.state,
    reason: row.reason,
    error: row.error,
    path: row.path,
    eventId: row.event_id,
    eventType: row.event_type,
    entityId: row.entity_id,
    waitingFor: row.waiting_for,
    topic: row.topic,
    partition: row.partition,
    offset: row.record_offset,
    attempts: row.attempts,
    revision: row.revision,
    firstFailedAt: row.first_failed,
    lastFailedAt: row.last_failed,
    nextAttemptAt: row.next_attempt,
  };
}

interface DetailsRow extends SummaryRow {
  readonly truncated: boolean;
  readonly record_timestamp: string;
  readonly key: string | null;
  readonly payload: string | null;
  readonly edited_key: string | null;
  readonly edited_payload: string | null;
  readonly headers: string;
}

function toDetails(row: DetailsRow, actions: readonly LetterAction[]): LetterDetails {
  return {
    ...toSummary(row),
    key: fromBase64(row.key),
    value: fromBase64(row.payload),
    truncated: row.truncated,
    editedKey: fromBase64(row.edited_key),
    editedValue: fromBase64(row.edited_payload),
    headers: decodeHeaders(fromBase64(row.headers)),
    recordTimestamp: row.record_timestamp,
    actions,
  };
}

interface ActionRow {
  readonly at: string;
  readonly actor: string;
  readonly action: LetterAction['action'];
  readonly outcome: string;
  readonly note: string | null;
  readonly edited_key: string | null;
  readonly edited_payload: string | null;
}

function toAction({ edited_key, edited_payload, ...row }: ActionRow): LetterAction {
  return { ...row, editedKey: fromBase64(edited_key), editedValue: fromBase64(edited_payload) };
}

interface CountRow {
  readonly state: LetterState;
  readonly reason: Reason;
  readonly count: string;
  readonly oldest: string;
  readonly ages: LetterCount['ages'];
}

function toCount(row: CountRow): LetterCount {
  const { state, reason, oldest, ages } = row;
  return { state, reason, count: Number(row.count), oldestFirstFailedAt: oldest, ages };
}
