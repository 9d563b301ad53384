import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { EVENT_TYPES } from '../events/index.ts';
import type { Emit, Fact, LetterFact } from '../pipeline/facts.ts';
import { createEventRate } from './event-rate.ts';

type FactOf<K extends Fact['kind']> = Extract<Fact, { kind: K }>;

const CONSUME_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const DELIVERY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600];
const RECORD_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/** What became of events: when they are read, and when they leave the dead letters. `now` is in ms since 1970. */
export function createEventMetrics(registry: Registry, now: () => number): Emit {
  const { processed, dead, closed, fenced, consume, delivery, batch, rate } = register(registry, now);

  function batchApplied({ records, consumeMs }: FactOf<'batch-applied'>): void {
    consume.observe(consumeMs / 1000);
    batch.observe(records.length);
    const committedAt = now();
    for (const { eventType, status, reason, timestamp } of records) {
      processed.inc({ type: eventType, status });
      rate.count(eventType);
      // A producer's clock may be ahead of ours.
      delivery.observe(Math.max(0, committedAt - timestamp) / 1000);
      if (status === 'dead' && reason !== null) dead.inc({ reason });
    }
  }

  function letterAttempted({ before, status, reason }: LetterFact): void {
    if (status === 'dead' && before === 'parked' && reason !== null) dead.inc({ reason });
    if (isClosed(status)) closed.inc({ outcome: status });
  }

  return (fact) => {
    if (fact.kind === 'batch-applied') batchApplied(fact);
    else if (fact.kind === 'letters-attempted') fact.letters.forEach(letterAttempted);
    else if (fact.kind === 'letter-discarded') closed.inc({ outcome: 'discarded' });
    else if (fact.kind === 'batch-fenced') fenced.inc();
  };
}

function isClosed(status: LetterFact['status']): boolean {
  return status !== 'parked' && status !== 'dead' && status !== 'fenced';
}

function register(registry: Registry, now: () => number) {
  const registers = [registry];
  return {
    processed: new Counter({
      name: 'events_processed_total',
      help: 'Records read from the log, by what became of them when they were read',
      labelNames: ['type', 'status'],
      registers,
    }),
    dead: new Counter({
      name: 'dlq_entries_total',
      help: 'Dead letters that became dead, at once or after being parked',
      labelNames: ['reason'],
      registers,
    }),
    closed: new Counter({
      name: 'dead_letters_closed_total',
      help: 'Dead letters that were closed, by how they ended',
      labelNames: ['outcome'],
      registers,
    }),
    fenced: new Counter({
      name: 'fenced_total',
      help: 'Batches rejected because the position was not the expected one',
      registers,
    }),
    consume: new Histogram({
      name: 'kafka_consume_duration_seconds',
      help: 'From a batch handed over by the log, Kafka or embedded, to its commit',
      buckets: CONSUME_BUCKETS,
      registers,
    }),
    delivery: new Histogram({
      name: 'event_delivery_seconds',
      help: "From a record's timestamp to the commit of its batch",
      buckets: DELIVERY_BUCKETS,
      registers,
    }),
    batch: new Histogram({
      name: 'batch_records',
      help: 'Records in a batch',
      buckets: RECORD_BUCKETS,
      registers,
    }),
    rate: registerRate(registry, now),
  };
}

/** Computed when it is scraped, so that it falls to 0 when nothing happens. */
function registerRate(registry: Registry, now: () => number) {
  const rate = createEventRate(now);
  const gauge = new Gauge({
    name: 'events_processed_per_second',
    help: 'Records read from the log per second, mean of the last 10 s',
    labelNames: ['type'],
    registers: [registry],
    collect: () => {
      for (const type of [...EVENT_TYPES, 'unknown']) gauge.set({ type }, rate.perSecond(type));
    },
  });
  return rate;
}
