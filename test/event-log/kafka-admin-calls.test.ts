import type { Admin, Kafka } from 'kafkajs';
import { expect, test } from 'vitest';
import { createAdminCalls } from '../../src/event-log/kafka/admin-calls.ts';

/** Clients that count; the first one knows a leader that is none any more, and never asks again. */
function clusterWithAMovedLeader() {
  const made: Array<{ connected: boolean }> = [];
  const kafka = {
    admin: () => {
      const client = { connected: false };
      made.push(client);
      const isStale = made.length === 1;
      return {
        connect: async () => void Object.assign(client, { connected: true }),
        disconnect: async () => void Object.assign(client, { connected: false }),
        fetchTopicOffsets: async () => {
          if (isStale) throw Object.assign(new Error('not the leader'), { type: 'NOT_LEADER_FOR_PARTITION' });
          return [];
        },
      } as unknown as Admin;
    },
  } as unknown as Kafka;
  return { kafka, made };
}

test('a client whose leader has moved is replaced after one failure, and disconnected', async () => {
  const { kafka, made } = clusterWithAMovedLeader();
  const calls = createAdminCalls(kafka);
  const ask = (): Promise<unknown> => calls.run((admin) => admin.fetchTopicOffsets('t'));
  const both = await Promise.allSettled([ask(), ask()]);
  for (const answer of both) expect(answer).toMatchObject({ status: 'rejected', reason: { kind: 'outage' } });
  expect(await ask()).toEqual([]);
  expect(await ask()).toEqual([]);
  expect(made).toEqual([{ connected: false }, { connected: true }]);
  await calls.close();
  expect(made).toEqual([{ connected: false }, { connected: false }]);
});
