import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { kindOf } from '../../errors.ts';
import type { Answer, Consumption, DeliveryHandler, LogRecord } from '../../event-log.ts';
import type { AppendSignal } from './append-signal.ts';
import type { PositionCommits } from './position-commits.ts';
import { createSlots } from './slots.ts';

export interface ConsumptionParts {
  readonly topic: string;
  readonly assignment: number;
  /** Where each partition is read from first. */
  readonly positions: ReadonlyMap<number, bigint>;
  /** Partitions fetched and handled at once. */
  readonly concurrency: number;
  /** Records from an offset on, as many as fit a delivery; none at the end of the partition. */
  readonly fetch: (partition: number, from: bigint) => Promise<readonly LogRecord[]>;
  readonly commits: PositionCommits;
  readonly appends: AppendSignal;
  /** Resolves after `ms`, or at once when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Called once, when nothing runs any more and before `ended` settles. */
  readonly finished: () => void;
  readonly handler: DeliveryHandler;
}

/** Where a partition is read next; `ahead` are records fetched already, from `from` on. */
interface Place {
  readonly from: bigint;
  readonly ahead: readonly LogRecord[];
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/** One loop per partition, so that a partition is never handled twice at once and never waits for another. */
export function startConsumption(parts: ConsumptionParts): Consumption {
  const stopping = new AbortController();
  const inSlot = createSlots(parts.concurrency);
  /** Asked for from outside, and stronger than the answer to a delivery under way. */
  const seeks = new Map<number, bigint>();

  function halt(): void {
    stopping.abort();
    parts.appends.notifyAll();
  }

  async function readPartition(partition: number, start: bigint): Promise<void> {
    let place: Place = { from: start, ahead: [] };
    while (!stopping.signal.aborted) {
      place = takeSeek(partition) ?? place;
      const appended = parts.appends.next(partition);
      const delivered = await inSlot(() => deliver(partition, place));
      if (delivered === null) await appended;
      else place = await follow(delivered.answer, partition, { from: place.from, ahead: delivered.records });
      await yieldToEventLoop();
    }
  }

  function takeSeek(partition: number): Place | null {
    const from = seeks.get(partition);
    seeks.delete(partition);
    return from === undefined ? null : { from, ahead: [] };
  }

  /** Null if there is nothing to deliver, or no longer a wish for it. */
  async function deliver(partition: number, { from, ahead }: Place) {
    if (isUnwanted(partition)) return null;
    const records = ahead.length > 0 ? ahead : await persistently(() => parts.fetch(partition, from));
    if (isUnwanted(partition) || records === undefined || records.length === 0) return null;
    const { topic, assignment } = parts;
    return { records, answer: await parts.handler({ topic, partition, assignment, fetchedFrom: from, records }) };
  }

  function isUnwanted(partition: number): boolean {
    return stopping.signal.aborted || seeks.has(partition);
  }

  async function follow(answer: Answer, partition: number, place: Place): Promise<Place> {
    switch (answer.do) {
      case 'committed':
        await persistently(() => parts.commits.note(partition, answer.next));
        return { from: answer.next, ahead: remaining(place, answer.next) };
      case 'retryAfter':
        await parts.wait(answer.ms, stopping.signal);
        return place;
      case 'seek':
        return { from: answer.position, ahead: [] };
      case 'stop':
        throw answer.error;
    }
  }

  /** Tries until it works, consuming stops (undefined) or trying again cannot help (throws). */
  async function persistently<T>(work: () => Promise<T>): Promise<T | undefined> {
    for (let delay = FIRST_RETRY_MS; ; delay = Math.min(delay * 2, LONGEST_RETRY_MS)) {
      try {
        return await work();
      } catch (error) {
        const kind = kindOf(error);
        if (kind === 'defect' || kind === 'data') throw error;
      }
      await parts.wait(delay, stopping.signal);
      if (stopping.signal.aborted) return undefined;
    }
  }

  async function readAll(): Promise<void> {
    const failures: unknown[] = [];
    const loops = [...parts.positions].map(([partition, start]) =>
      readPartition(partition, start).catch((error: unknown) => {
        failures.push(error);
        halt();
      }),
    );
    await Promise.all(loops);
    if (failures.length > 0) throw failures[0];
    await parts.commits.flush();
  }

  const ended = readAll().finally(parts.finished);
  // Settles whichever way `ended` does. It also keeps a rejection nobody waits for yet from ending the process.
  const settled = ended.catch(() => undefined);
  return {
    assigned: () => (stopping.signal.aborted ? [] : [...parts.positions.keys()]),
    seek: (partition, position) => {
      seeks.set(partition, position);
      parts.appends.notify([partition]);
    },
    ended,
    stop: () => {
      if (!stopping.signal.aborted) halt();
      return settled;
    },
  };
}

/** The records of a delivery from `next` on, if it lies within it: a batch made smaller need not be fetched again. */
function remaining(delivered: Place, next: bigint): readonly LogRecord[] {
  if (next < delivered.from) return [];
  return delivered.ahead.filter((record) => record.offset >= next);
}
