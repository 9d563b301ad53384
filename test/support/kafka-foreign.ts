import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import kafkajs, { type Admin, type Kafka } from 'kafkajs';

/** Whether Debian's independent client is installed; a run that requires Kafka fails without it. */
export const hasKcat: boolean =
  (process.env['REQUIRE_SERVICES'] ?? '').split(',').includes('kafka') || spawnSync('kcat', ['-V']).status === 0;

/** kcat as a producer: lines of stdin are values, or with -K keys and values; -Z makes empty ones null. */
export async function kcat(brokers: string, args: readonly string[], input: string | Buffer): Promise<void> {
  const child = spawn('kcat', ['-P', '-b', brokers, ...args], { stdio: ['pipe', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`kcat: ${errors}`);
}

/** A kafkajs client that is nobody's adapter, silent. */
export function foreignClient(brokers: string): Kafka {
  return new kafkajs.Kafka({ brokers: brokers.split(','), clientId: 'foreign', logLevel: kafkajs.logLevel.NOTHING });
}

export async function withAdmin<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = foreignClient(brokers).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Sends values to partition 0 in one transaction, in batches below a broker's limit, and aborts or commits it. */
export async function sendInTransaction(
  brokers: string,
  topic: string,
  values: readonly Buffer[],
  end: 'abort' | 'commit',
): Promise<void> {
  const producer = foreignClient(brokers).producer({
    transactionalId: `tx-${topic}-${Math.random()}`,
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  try {
    const transaction = await producer.transaction();
    for (const value of values) await transaction.send({ topic, messages: [{ value, partition: 0 }] });
    await transaction[end]();
  } finally {
    await producer.disconnect();
  }
}

/** Deletes the records of a partition below an offset, as retention does. */
export async function expireRecords(
  brokers: string,
  { topic, partition, before }: { topic: string; partition: number; before: bigint },
): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    // kafkajs finds the leader only of a topic that was asked for before.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: before.toString() }] });
  });
}

/** What the group has committed for tools to see, by partition; null where it never did. */
export async function committedOffsets(
  brokers: string,
  { topic, groupId }: { topic: string; groupId: string },
): Promise<Map<number, bigint | null>> {
  return withAdmin(brokers, async (admin) => {
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return new Map(
      (found?.partitions ?? []).map(({ partition, offset }) => [partition, offset === '-1' ? null : BigInt(offset)]),
    );
  });
}
