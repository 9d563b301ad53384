import type { Admin } from 'kafkajs';
import { PipelineError } from '../../errors.ts';
import { classifyKafkaError } from './errors.ts';

export interface TopicOptions {
  readonly topic: string;
  /** For a topic that has to be made; one that exists is left as it is. */
  readonly partitions: number;
  readonly replicationFactor: number;
}

/** Makes the topic if it is not there, and gives how many partitions it has. No right to make topics is needed then. */
export async function openTopic(admin: Admin, options: TopicOptions): Promise<number> {
  const { topic } = options;
  const existing = await countPartitions(admin, topic);
  if (existing !== null) return existing;
  await createTopic(admin, options);
  const made = await countPartitions(admin, topic);
  if (made === null)
    throw new PipelineError('outage', 'TOPIC_NOT_READY', `topic ${topic} was made and is not there yet`);
  return made;
}

async function countPartitions(admin: Admin, topic: string): Promise<number | null> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.length ?? null;
  } catch (error) {
    const classified = classifyKafkaError(error);
    if (classified.code === 'UNKNOWN_TOPIC_OR_PARTITION') return null;
    throw classified;
  }
}

async function createTopic(admin: Admin, { topic, partitions, replicationFactor }: TopicOptions): Promise<void> {
  try {
    // False if another process was faster.
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor }] });
  } catch (error) {
    const { kind, code, message } = classifyKafkaError(error);
    throw new PipelineError(kind, code, `topic ${topic} does not exist and could not be made: ${message}`, error);
  }
}
