import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Emit } from '../pipeline/facts.ts';
import { buildInfo } from './build-info.ts';
import { createCallMetrics } from './call-metrics.ts';
import { createEventMetrics } from './event-metrics.ts';
import { createLetterGauges, type LetterGauges } from './letter-gauges.ts';
import { createPartitionMetrics } from './partition-metrics.ts';

export interface MetricsOptions {
  /** For build_info. */
  readonly version: string;
  /** ms since 1970. */
  readonly now?: () => number;
}

/** Everything Prometheus is told, in a registry of its own. No label has a value that an event could choose. */
export interface Metrics {
  readonly registry: Registry;
  /** Takes the pipeline's facts. */
  readonly observe: Emit;
  /** For timedStore. */
  readonly observeStoreCall: (operation: string, ms: number) => void;
  /** For timedLog. */
  readonly observeAppend: (ms: number) => void;
  /** Where dead_letters and dead_letter_oldest_age_seconds come from; until it is called they are absent. */
  readonly countLetters: LetterGauges['countLetters'];
  /** The text of GET /metrics. */
  readonly text: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

export function createMetrics({ version, now = Date.now }: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  buildInfo(registry, version);
  const observers = [createEventMetrics(registry, now), createPartitionMetrics(registry, now)];
  return {
    registry,
    observe: (fact) => {
      for (const observe of observers) observe(fact);
    },
    ...createCallMetrics(registry),
    ...createLetterGauges(registry, now),
    text: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
