import type { Batch, BatchResult, KnownLog, Outcome } from '../../batch.ts';
import type { Reason } from '../../events/index.ts';
import type { Position, Sink } from '../../order-store.ts';
import type { SqlConnection } from '../../sql-connection.ts';
import { sqlFile } from '../../sql-file.ts';
import { batchJson } from '../batch-json.ts';
import { openLetters } from './open-letters.ts';

const POSITIONS = sqlFile(import.meta.url, './queries/positions.sql');
const COUNT_REJECTED_ROWS = sqlFile(import.meta.url, './queries/count-rejected-rows.sql');
const NEXT_LETTER_DUE = sqlFile(import.meta.url, './queries/next-letter-due.sql');
const NOW = sqlFile(import.meta.url, './queries/now.sql');

/** Rows deleted in one transaction by retention: short enough that no batch waits for it. */
const PRUNE_ROWS = 2000;

export function postgresSink(sql: SqlConnection): Sink {
  const positions = async (log: KnownLog): Promise<Position[]> =>
    (await sql.query<PositionRow>(POSITIONS, [log.logNo, log.topic])).map(toPosition);

  return {
    openLog: async (source, topic) => {
      const [row] = await sql.query<{ log: LogRow }>('select store.open_log($1, $2) as log', [source, topic]);
      return toKnownLog(required(row).log);
    },
    beginPartitions: async (log, beginnings) => {
      const rows = beginnings.map((b) => ({ partition: b.partition, begin: `${b.begin}`, start: `${b.start}` }));
      await sql.query('select store.begin_partitions($1, $2, $3::jsonb)::text', [
        log.logNo,
        log.topic,
        JSON.stringify(rows),
      ]);
      return positions(log);
    },
    positions,
    applyBatch: (batch) => applyBatch(sql, batch),
    claimDueLetters: async ({ limit, maxBytes, leaseMs }) => {
      const rows = await sql.query<{ id: string }>(
        'select store.claim_due_letters($1::integer, $2::bigint, $3::integer) as id',
        [limit, maxBytes, leaseMs],
      );
      return openLetters(
        sql,
        rows.map(({ id }) => id),
      );
    },
    postponeLetter: async (id, retryInMs) => {
      await sql.query('select store.postpone_letter($1, $2::integer)::text', [id, Math.round(retryInMs)]);
    },
    nextLetterDueIn: async () => {
      const [row] = await sql.query<{ due_in: string }>(NEXT_LETTER_DUE);
      return row === undefined ? null : Number(row.due_in);
    },
    countRejectedRows: async (log, { partition, from, to }) => {
      const values = [log.logNo, partition, from.toString(), to.toString()];
      return required((await sql.query<{ count: number }>(COUNT_REJECTED_ROWS, values))[0]).count;
    },
    now: async () => Number(required((await sql.query<{ now: string }>(NOW))[0]).now),
    prune: async (limits) => ({
      ledgerRows: await prune(
        sql,
        'select store.prune_ledger($1::timestamptz, $2::integer) as pruned',
        limits.ledgerBefore,
      ),
      payloads: await prune(
        sql,
        'select store.prune_payloads($1::timestamptz, $2::integer) as pruned',
        limits.payloadsBefore,
      ),
    }),
    setPositions: async (log, changes, how) => {
      const [row] = await sql.query<{ before: BeforeRow[] }>(
        'select store.set_positions($1, $2, $3::jsonb, $4::jsonb) as before',
        [log.logNo, log.topic, changesJson(changes), JSON.stringify(how)],
      );
      return required(row).before.map(toBefore);
    },
    beginGeneration: async (log, changes, by) => {
      const how = JSON.stringify({ ...by, dryRun: false });
      const [row] = await sql.query<{ log: LogRow }>('select store.begin_generation($1, $2::jsonb, $3::jsonb) as log', [
        log.logNo,
        changesJson(changes),
        how,
      ]);
      return toKnownLog(required(row).log);
    },
  };
}

async function applyBatch(sql: SqlConnection, batch: Batch): Promise<BatchResult> {
  const dryRun = batch.from === 'letters' && batch.dryRun;
  const routine = dryRun ? 'store.try_batch' : 'store.apply_batch';
  const json = batchJson(batch);
  const [row] = await sql.query<{ answer: Answer }>(`select ${routine}($1::jsonb, $2::json, $3) as answer`, [
    json.batch,
    json.decoded,
    json.received,
  ]);
  const { answer } = required(row);
  if (answer.fenced) return { fenced: true };
  if (answer.outcomes.length !== batch.records.length) {
    throw new TypeError(`${batch.records.length} records, ${answer.outcomes.length} outcomes`);
  }
  return { fenced: false, outcomes: answer.outcomes.map(toOutcome), woken: answer.woken };
}

type OutcomeRow = string | [status: string, reason: string, waitingFor: string | null];
type Answer = { fenced: true } | { fenced: false; outcomes: OutcomeRow[]; woken: number };

function toOutcome(row: OutcomeRow): Outcome {
  if (typeof row === 'string') return { status: row } as Outcome;
  const [status, reason, waitingFor] = row;
  return { status: status as 'parked' | 'dead', reason: reason as Reason, waitingFor };
}

interface LogRow {
  readonly logNo: number;
  readonly topic: string;
  readonly first: boolean;
}

function toKnownLog(row: LogRow): KnownLog {
  return { logNo: row.logNo, topic: row.topic, letterSuffix: row.first ? '' : `@${row.logNo}` };
}

interface PositionRow {
  readonly partition: number;
  readonly next_offset: string;
  readonly quarantine_offset: string | null;
  readonly previous_timestamp: string | null;
}

function toPosition(row: PositionRow): Position {
  return {
    partition: row.partition,
    nextOffset: BigInt(row.next_offset),
    previousTimestamp: row.previous_timestamp === null ? null : Number(row.previous_timestamp),
    quarantineOffset: row.quarantine_offset === null ? null : BigInt(row.quarantine_offset),
  };
}

interface BeforeRow {
  readonly partition: number;
  readonly from: string | null;
  readonly to: string;
}

function toBefore(row: BeforeRow): { partition: number; from: bigint | null; to: bigint } {
  return { partition: row.partition, from: row.from === null ? null : BigInt(row.from), to: BigInt(row.to) };
}

function changesJson(changes: ReadonlyArray<{ partition: number; to: bigint }>): string {
  return JSON.stringify(changes.map(({ partition, to }) => ({ partition, to: to.toString() })));
}

async function prune(sql: SqlConnection, statement: string, before: number): Promise<number> {
  let total = 0;
  for (;;) {
    const rows = await sql.query<{ pruned: number }>(statement, [new Date(before).toISOString(), PRUNE_ROWS]);
    const { pruned } = required(rows[0]);
    total += pruned;
    if (pruned < PRUNE_ROWS) return total;
  }
}

/** A statement that always gives a row gave none: a bug, not a state of the database. */
function required<T>(row: T | undefined): T {
  if (row === undefined) throw new TypeError('the statement gave no row');
  return row;
}
