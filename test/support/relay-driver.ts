import { randomUUID } from 'node:crypto';
import { openRedisMirror } from '../../src/dead-letter-mirror/redis.ts';
import type { DeadLetterMirror } from '../../src/dead-letter-mirror.ts';
import type { MirrorSource } from '../../src/order-store.ts';
import { type Relay, startRelay } from '../../src/pipeline/relay.ts';
import { createWakeup } from '../../src/pipeline/wakeup.ts';
import type { SqlConnection } from '../../src/sql-connection.ts';
import { type Recorded, recordFacts } from './pipeline-driver.ts';
import type { MirrorView } from './redis-view.ts';

export const PREFIX = 'dlq:{orders}';

/** A relay with its facts and its own connection to Redis. */
export interface RunningRelay extends Relay {
  readonly recorded: Recorded;
  readonly mirror: DeadLetterMirror;
  /** How often it made the mirror complete. */
  readonly completions: () => number;
  /** Stops it and closes its connection. */
  readonly close: () => Promise<void>;
}

export function runRelay(source: MirrorSource, url: string, to?: DeadLetterMirror): RunningRelay {
  const recorded = recordFacts();
  const mirror = to ?? openRedisMirror({ url, prefix: PREFIX });
  const relay = startRelay({
    source,
    mirror,
    relay: randomUUID(),
    newEpoch: randomUUID,
    now: Date.now,
    random: Math.random,
    emit: recorded.emit,
    wakeup: createWakeup(),
  });
  return {
    ...relay,
    recorded,
    mirror,
    completions: () => recorded.of('mirror-complete').length,
    close: async () => {
      await relay.stop();
      await mirror.close();
    },
  };
}

/** What the mirror should show: id, state and revision of every letter that belongs in it, by id. */
export async function expectedLetters(sql: SqlConnection): Promise<string[]> {
  const rows = await sql.query<{ id: string; state: string; revision: number }>(`
    select id, state, revision from store.dead_letters
    where state = 'dead' or (state = 'parked' and first_failed_at <= now() - interval '1 minute')
    order by id`);
  return rows.map(({ id, state, revision }) => `${id} ${state} ${revision}`);
}

/** The same, as the mirror has it; a letter that is in one place only shows. */
export function shownLetters({ dead, parked, entries }: MirrorView): string[] {
  const listed = [...dead.map((id) => [id, 'dead']), ...parked.map((id) => [id, 'parked'])] as Array<[string, string]>;
  const unlisted = Object.keys(entries).filter((id) => !dead.includes(id) && !parked.includes(id));
  const shown = listed.map(([id, state]) => {
    const entry = entries[id];
    const agrees = entry?.['state'] === state && entry['id'] === id;
    return agrees ? `${id} ${state} ${entry['revision']}` : `${id} ${state} without its entry`;
  });
  return [...shown, ...unlisted.map((id) => `${id} not listed`)].toSorted();
}

/** `count` dead letters put into the table as they are after a failure, `bytes` of payload each. */
export async function insertDeadLetters(
  sql: SqlConnection,
  { from = 0, count, bytes = 200 }: { from?: number; count: number; bytes?: number },
): Promise<void> {
  await sql.query(
    `insert into store.dead_letters
       (id, state, reason, error, event_id, event_type, entity_id, log_no, topic, partition, record_offset,
        record_timestamp, record_key, payload, payload_bytes, truncated, headers, first_failed_at, last_failed_at,
        attempts, revision)
     select 'order-events:0:' || n, 'dead', 'INVALID_PAYLOAD', 'payload.email is missing', 'event-' || n, 'UserCreated',
            'u' || n, 1, 'order-events', 0, n, now(), convert_to('u' || n, 'UTF8'),
            convert_to(rpad('{"n":' || n || ',"text":"', $3::integer - 2, md5(n::text)) || '"}', 'UTF8'), $3::integer,
            false, '[]', now(), now(), 1, 1
     from generate_series($1::integer, $1::integer + $2::integer - 1) n`,
    [from, count, bytes],
  );
}
