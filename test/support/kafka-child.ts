// A pipeline in a process of its own: takes brokers, topic, group, the database's address and a mode, and prints
// "<batches applied> <batches fenced>" whenever one of them changes. In mode `freeze` its batches are small, and it stops
// itself (SIGSTOP, after a line "stopping <process id>") between the delivery of its second batch and sending it.
import { setTimeout } from 'node:timers/promises';
import { openKafkaLog } from '../../src/event-log/kafka.ts';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import { postgresStore } from '../../src/order-store/postgres/store.ts';
import type { Sink } from '../../src/order-store.ts';
import type { Fact } from '../../src/pipeline/facts.ts';
import { kafkaOptions } from './kafka.ts';
import { runPipeline } from './pipeline-driver.ts';

const [brokers = '', topic = '', groupId = '', url = '', mode = ''] = process.argv.slice(2);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const counts = { applied: 0, fenced: 0 };

function emit(fact: Fact): void {
  if (fact.kind !== 'batch-applied' && fact.kind !== 'batch-fenced') return;
  counts[fact.kind === 'batch-applied' ? 'applied' : 'fenced'] += 1;
  say(`${counts.applied} ${counts.fenced}`);
}

function freezing(sink: Sink): Sink {
  return {
    ...sink,
    applyBatch: async (batch) => {
      if (counts.applied === 1 && counts.fenced === 0) {
        say(`stopping ${process.pid}`);
        // The line must be out before.
        await setTimeout(50);
        process.kill(process.pid, 'SIGSTOP');
      }
      return sink.applyBatch(batch);
    },
  };
}

const log = await openKafkaLog(kafkaOptions(brokers, { topic, groupId }));
const { sink } = postgresStore('postgres', connectPostgres({ url, maxConnections: 4 }));
const pipeline = await runPipeline(
  log,
  { sink: mode === 'freeze' ? freezing(sink) : sink },
  { emit, limits: { maxRecords: mode === 'freeze' ? 20 : 1000, maxBytes: 4 * 1024 * 1024 } },
);
say(`${process.pid}`);
await pipeline.ended;
