import { Gauge, type Registry } from 'prom-client';
import type { Emit, Fact } from '../pipeline/facts.ts';

type FactOf<K extends Fact['kind']> = Extract<Fact, { kind: K }>;

/** How the partitions of this consumer get on. `now` is in ms since 1970. */
export function createPartitionMetrics(registry: Registry, now: () => number): Emit {
  const { lag, paused, progress } = register(registry);
  /** The reason of each pause under way, by partition. */
  const pauses = new Map<number, string>();

  function setPause({ topic, partition }: { topic: string; partition: number }, reason: string | null): void {
    const before = pauses.get(partition);
    if (before !== undefined) paused.remove({ topic, partition, reason: before });
    pauses.delete(partition);
    if (reason === null) return;
    pauses.set(partition, reason);
    paused.set({ topic, partition, reason }, 1);
  }

  /** Of a partition that another consumer has got, that one tells. */
  function positionsChecked({ topic, partitions }: FactOf<'positions-checked'>): void {
    for (const { partition, lag: records, assigned } of partitions) {
      const reason = pauses.get(partition);
      if (assigned) lag.set({ topic, partition }, Number(records));
      else lag.remove({ topic, partition });
      if (reason === undefined) continue;
      if (assigned) paused.set({ topic, partition, reason }, 1);
      else paused.remove({ topic, partition, reason });
    }
  }

  return (fact) => {
    if (fact.kind === 'batch-applied') progress.set(now() / 1000);
    else if (fact.kind === 'partition-paused') setPause(fact, fact.reason);
    else if (fact.kind === 'partition-resumed') setPause(fact, null);
    else if (fact.kind === 'positions-checked') positionsChecked(fact);
  };
}

function register(registry: Registry) {
  const registers = [registry];
  return {
    lag: new Gauge({
      name: 'consumer_lag_records',
      help: "Records between the order store's position and the end of the partition, if it is assigned here",
      labelNames: ['topic', 'partition'],
      registers,
    }),
    paused: new Gauge({
      name: 'partition_paused',
      help: '1 while nothing of an assigned partition is applied, absent otherwise',
      labelNames: ['topic', 'partition', 'reason'],
      registers,
    }),
    progress: new Gauge({
      name: 'consumer_last_progress_timestamp_seconds',
      help: 'When a batch was last applied, 0 if none was since start',
      registers,
    }),
  };
}
