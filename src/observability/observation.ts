import type { Config } from '../config.ts';
import type { EventLog } from '../event-log.ts';
import type { OrderStore } from '../order-store.ts';
import type { Emit } from '../pipeline/facts.ts';
import { createLatencyWindow, type LatencyWindow } from './latency-window.ts';
import { logFacts } from './log-facts.ts';
import type { Logger } from './logger.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { type Reachability, trackReachability } from './reachability.ts';
import { timedLog } from './timed-log.ts';
import { timedStore } from './timed-store.ts';

/** Everything that watches the service without being asked: metrics, logs, latencies, reachability. */
export interface Observation {
  /** Takes the pipeline's facts. */
  readonly emit: Emit;
  readonly metricsText: Metrics['text'];
  readonly storeReach: Reachability;
  readonly logReach: Reachability;
  /** Calls of the store in the last minute. */
  readonly storeLatency: LatencyWindow;
  /** The same ports, with every call measured. */
  readonly observed: (ports: { store: OrderStore; log: EventLog }) => { store: OrderStore; log: EventLog };
}

export function createObservation(config: Config, logger: Logger, version: string): Observation {
  const metrics = createMetrics({ version });
  const writeFact = logFacts(logger, { logEvents: config.logging.logEvents });
  const storeLatency = createLatencyWindow(() => performance.now());
  const storeReach = trackReachability(Date.now);
  const logReach = trackReachability(Date.now);

  function observedStore(store: OrderStore): OrderStore {
    const timed = timedStore(store, (operation, ms, error) => {
      metrics.observeStoreCall(operation, ms);
      storeLatency.record(ms);
      storeReach.saw(error);
    });
    metrics.countLetters(() => timed.deadLetters.stats());
    return timed;
  }

  function observedLog(log: EventLog): EventLog {
    return timedLog(log, (operation, ms, error) => {
      if (operation === 'log.append' && error === null) metrics.observeAppend(ms);
      logReach.saw(error);
    });
  }

  return {
    emit: (fact) => {
      metrics.observe(fact);
      writeFact(fact);
    },
    metricsText: metrics.text,
    storeReach,
    logReach,
    storeLatency,
    observed: ({ store, log }) => ({ store: observedStore(store), log: observedLog(log) }),
  };
}
