import { setTimeout } from 'node:timers/promises';
import type { Answer, EventLog } from '../../src/event-log.ts';
import type { OrderStore, Sink } from '../../src/order-store.ts';
import { type ConsumeLoop, type ConsumeParts, createConsumeLoop } from '../../src/pipeline/consume.ts';
import type { Fact } from '../../src/pipeline/facts.ts';
import { type Pipeline, type PipelineParts, startPipeline } from '../../src/pipeline/pipeline.ts';
import type { MemoryLog } from './memory-log.ts';
import { bytesOf, decode, type Sent } from './records.ts';

const DEADLINE_MS = 15_000;
const POLL_MS = 3;
const A_DAY = 86_400_000;
const LIMITS = { maxRecords: 1000, maxBytes: 4 * 1024 * 1024 };

/** Facts as they were emitted. */
export interface Recorded {
  readonly facts: Fact[];
  readonly emit: (fact: Fact) => void;
  of<K extends Fact['kind']>(kind: K): Array<Extract<Fact, { kind: K }>>;
}

export function recordFacts(): Recorded {
  const facts: Fact[] = [];
  return {
    facts,
    emit: (fact) => void facts.push(fact),
    of: <K extends Fact['kind']>(kind: K) =>
      facts.filter((fact): fact is Extract<Fact, { kind: K }> => fact.kind === kind),
  };
}

/** Resolves when the condition holds, and fails with `what` if it never does. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await setTimeout(POLL_MS);
  }
}

/** Appends events, and waits for the acknowledgement. */
export async function send(log: EventLog, sent: readonly Sent[]): Promise<void> {
  await log.append(sent.map(bytesOf));
}

/** One partition read by the consume loop step by step: what the loop answers is done at once, without its waits. */
export interface SteppedReader {
  readonly loop: ConsumeLoop;
  readonly recorded: Recorded;
  /** One delivery and its answer; null if there is nothing to deliver. */
  step(): Promise<Answer | null>;
  /** Until nothing is left to deliver or the loop stops; fails if that takes more than `most` deliveries. */
  drain(most?: number): Promise<Answer[]>;
  /** Everything remembered from before is void, as after a rebalance; reading begins at `from`. */
  reassign(from?: bigint): void;
}

export function stepReader(
  log: MemoryLog,
  sink: Sink,
  change: Partial<ConsumeParts> & { partition?: number } = {},
): SteppedReader {
  const { partition = 0, ...parts } = change;
  const recorded = recordFacts();
  const loop = createConsumeLoop({
    ...loopParts(log, sink),
    emit: recorded.emit,
    lettersWaiting: () => {},
    ...parts,
  });
  let place = 0n;
  let assignment = 1;

  async function step(): Promise<Answer | null> {
    const records = log.read(partition, place);
    if (records.length === 0) return null;
    const answer = await loop.handle({ topic: log.topic, partition, assignment, fetchedFrom: place, records });
    if (answer.do === 'committed') place = answer.next;
    if (answer.do === 'seek') place = answer.position;
    return answer;
  }

  async function drain(most = 200): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (;;) {
      const answer = await step();
      if (answer === null) return answers;
      answers.push(answer);
      if (answer.do === 'stop') return answers;
      if (answers.length > most) throw new Error(`still not at the end after ${most} deliveries`);
    }
  }

  return {
    loop,
    recorded,
    step,
    drain,
    reassign: (from = 0n) => {
      assignment += 1;
      place = from;
    },
  };
}

function loopParts(eventLog: EventLog, sink: Sink) {
  const startFrom = 'earliest' as const;
  return { eventLog, sink, decode, limits: LIMITS, startFrom, now: Date.now, random: Math.random };
}

/** A whole pipeline with its facts. It looks at positions only when told to, at the start and after that by `look`. */
export interface RunningPipeline extends Pipeline {
  readonly recorded: Recorded;
}

export async function runPipeline(
  log: EventLog,
  store: Pick<OrderStore, 'sink'>,
  change: Partial<PipelineParts> = {},
): Promise<RunningPipeline> {
  const recorded = recordFacts();
  const pipeline = await startPipeline({
    ...loopParts(log, store.sink),
    emit: recorded.emit,
    sleep: (ms) => setTimeout(ms),
    parkMaxAgeMs: A_DAY,
    ledgerRetentionMs: 30 * A_DAY,
    watchEveryMs: A_DAY,
    ...change,
  });
  return { ...pipeline, recorded };
}

/** Every position is at the end of its partition. */
export async function caughtUp(log: EventLog, { sink }: Pick<OrderStore, 'sink'>): Promise<void> {
  const known = await sink.openLog(await log.source(), log.topic);
  await eventually('the log read to its end', async () => {
    const positions = new Map((await sink.positions(known)).map((p) => [p.partition, p.nextOffset]));
    const watermarks = await log.watermarks();
    return watermarks.every(({ partition, end }) => positions.get(partition) === end);
  });
}
