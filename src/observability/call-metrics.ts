import { Histogram, type Registry } from 'prom-client';

const CALL_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How long the calls of the order store and the event log take. */
export function createCallMetrics(registry: Registry) {
  const registers = [registry];
  const storeCalls = new Histogram({
    name: 'db_operation_duration_seconds',
    help: 'Duration of calls of the order store, by the operation of its port, failed ones included',
    labelNames: ['operation'],
    buckets: CALL_BUCKETS,
    registers,
  });
  const appends = new Histogram({
    name: 'kafka_produce_duration_seconds',
    help: 'From sending records to the event log, Kafka or embedded, to their acknowledgement',
    buckets: CALL_BUCKETS,
    registers,
  });
  return {
    observeStoreCall: (operation: string, ms: number) => storeCalls.observe({ operation }, ms / 1000),
    observeAppend: (ms: number) => appends.observe(ms / 1000),
  };
}
