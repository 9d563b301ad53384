import { readFileSync } from 'node:fs';
import {
  type ClosedMirrorLetter,
  type DeadLetterMirror,
  isOpen,
  type MirrorLetter,
  type MirrorState,
  type OpenMirrorLetter,
} from '../dead-letter-mirror.ts';
import { PipelineError } from '../errors.ts';
import { connectRedis, type RedisConnection } from './redis/connection.ts';
import { entryFields } from './redis/entry.ts';
import { type MirrorKeys, mirrorKeys } from './redis/keys.ts';
import { sweepPage } from './redis/sweep.ts';

const script = (name: string): string => readFileSync(new URL(`./redis/${name}.lua`, import.meta.url), 'utf8');
const SEND = script('send');
const CLOSE = script('close');
const COUNT_MISSING = script('count-missing');
const SWEEP = script('sweep');

const CLOSED_ENTRY_SECONDS = 86_400;

/** Runs a script in an epoch; gives what it answers: the epoch that it found, alone or first. */
type RunScript = (text: string, ids: readonly string[], args: readonly string[]) => Promise<unknown>;

/** The mirror in Redis. Does not wait for the server: it may be away, now and later. */
export function openRedisMirror({ url, prefix }: { url: string; prefix: string }): DeadLetterMirror {
  const connection = connectRedis(url);
  const keys = mirrorKeys(prefix);
  let begunOn = -1;

  const inEpoch =
    (epoch: string): RunScript =>
    async (text, ids, args) => {
      if (connection.number() !== begunOn) throw lost('the connection to Redis is a new one');
      return runScript(connection, keys, { text, ids, args: [epoch, ...args] });
    };

  return {
    kind: 'redis',
    begin: async (epoch) => {
      // Only at the start is it known that a connection is about to be there; later there is one or there is none.
      await connection.tried;
      const on = connection.number();
      await connection.run((redis) => redis.set(keys.epoch, epoch));
      begunOn = on;
    },
    send: async (epoch, letters) => {
      const run = inEpoch(epoch);
      const open = letters.filter(isOpen);
      const closed = letters.filter((letter): letter is ClosedMirrorLetter => !isOpen(letter));
      if (closed.length > 0) stillIn(epoch, await run(CLOSE, idsOf(closed), closeArgs(closed)));
      if (open.length > 0) stillIn(epoch, await run(SEND, idsOf(open), sendArgs(epoch, open)));
    },
    countMissing: async (epoch, letters) => {
      const [found, missing] = (await inEpoch(epoch)(COUNT_MISSING, idsOf(letters), stateArgs(letters))) as Answer;
      stillIn(epoch, found);
      return missing;
    },
    sweep: async (epoch, cursor) => {
      const run = inEpoch(epoch);
      const { ids, next } = await connection.run((redis) => sweepPage(redis, keys, cursor));
      if (ids.length === 0) return { removed: 0, next };
      const [found, removed] = (await run(SWEEP, ids, ids)) as Answer;
      stillIn(epoch, found);
      return { removed, next };
    },
    close: () => connection.close(),
  };
}

type Answer = [found: string, count: number];

async function runScript(
  connection: RedisConnection,
  keys: MirrorKeys,
  { text, ids, args }: { text: string; ids: readonly string[]; args: readonly string[] },
): Promise<unknown> {
  const touched = [keys.epoch, keys.dead, keys.parked, ...ids.map(keys.entry)];
  // The text each time, a kilobyte beside a page of letters: no cache of scripts that a restart would empty.
  return connection.run((redis) => redis.call('EVAL', [text, touched.length, ...touched, ...args]));
}

function stillIn(epoch: string, found: unknown): void {
  if (found === epoch) return;
  if (found === '') throw lost('the mirror was emptied');
  throw lost('the mirror is in the epoch of another relay; if that goes on, another service uses the same DLQ_PREFIX');
}

function lost(why: string): PipelineError {
  return new PipelineError('outage', 'MIRROR_LOST', why);
}

function idsOf(letters: readonly MirrorLetter[] | readonly MirrorState[]): string[] {
  return letters.map(({ id }) => id);
}

/** As send.lua reads them. */
function sendArgs(epoch: string, letters: readonly OpenMirrorLetter[]): string[] {
  return letters.flatMap((letter) => {
    const fields = entryFields(epoch, letter);
    const score = Date.parse(letter.lastFailedAt);
    return [letter.state, `${letter.revision}`, `${score}`, letter.id, `${fields.length}`, ...fields];
  });
}

/** As close.lua reads them. */
function closeArgs(letters: readonly ClosedMirrorLetter[]): string[] {
  return [`${CLOSED_ENTRY_SECONDS}`, ...stateArgs(letters)];
}

function stateArgs(letters: ReadonlyArray<ClosedMirrorLetter | MirrorState>): string[] {
  return letters.flatMap(({ id, state, revision }) => [id, state, `${revision}`]);
}
