import type { EachBatchPayload, KafkaMessage } from 'kafkajs';
import { beforeEach, describe, expect, test } from 'vitest';
import { createDeliver } from '../../src/event-log/kafka/deliver.ts';
import type { Answer, Delivery } from '../../src/event-log.ts';
import { gate } from '../support/deliveries.ts';

const protocolError = (type: string): Error => Object.assign(new Error(type), { type });

/** One batch of three records as kafkajs hands it over, and what the adapter does with it. */
describe('a batch of kafkajs, while the group moves on', () => {
  let calls: string[];
  let membership: { assignment: number };
  let payload: { -readonly [K in keyof EachBatchPayload]: EachBatchPayload[K] };

  beforeEach(() => {
    calls = [];
    membership = { assignment: 1 };
    const messages = [5, 6, 7].map((n) => ({ offset: `${n}`, timestamp: '1', key: null, value: null }) as KafkaMessage);
    payload = {
      batch: { topic: 't', partition: 0, messages, fetchedOffset: '5' } as unknown as EachBatchPayload['batch'],
      resolveOffset: (offset) => void calls.push(`resolve ${offset}`),
      commitOffsetsIfNecessary: async (offsets) =>
        void calls.push(`commit ${offsets?.topics[0]?.partitions[0]?.offset}`),
      heartbeat: () => Promise.resolve(),
      isStale: () => false,
      isRunning: () => true,
      pause: () => () => {},
      uncommittedOffsets: () => ({ topics: [] }),
    };
  });

  function deliver(handler: (delivery: Delivery) => Promise<Answer>): Promise<void> {
    const noted =
      (name: string) =>
      (...values: unknown[]): void =>
        void calls.push([name, ...values].join(' '));
    return createDeliver({
      topic: 't',
      handler,
      places: { seek: noted('seek'), hold: noted('hold'), isInPlace: () => true, forgetAll: () => {} },
      membership,
      isStopping: () => false,
      log: () => {},
      fail: noted('fail'),
    })(payload);
  }

  const first = async ({ records }: Delivery): Promise<Answer> => {
    calls.push(`handle ${records[0]?.offset}`);
    return { do: 'committed', next: (records[0]?.offset ?? 0n) + 1n };
  };

  test('what is under way is finished and committed, the rest is left, and the error is thrown as it is', async () => {
    const rebalance = protocolError('REBALANCE_IN_PROGRESS');
    const heard = gate();
    payload.heartbeat = () => {
      // A turn later than the rejection.
      setImmediate(heard.open);
      return Promise.reject(rebalance);
    };
    const delivering = deliver(async (delivery) => {
      await heard.opened;
      return first(delivery);
    });
    await expect(delivering).rejects.toBe(rebalance);
    expect(calls).toEqual(['handle 5', 'resolve 5', 'commit 6']);
  });

  test('a heartbeat that meets an outage changes nothing', async () => {
    const heard = gate();
    payload.heartbeat = () => {
      setImmediate(heard.open);
      return Promise.reject(protocolError('NETWORK_EXCEPTION'));
    };
    await deliver(async (delivery) => {
      await heard.opened;
      return first(delivery);
    });
    expect(calls.filter((call) => call.startsWith('handle'))).toEqual(['handle 5', 'handle 6', 'handle 7']);
  });

  test.each<Answer>([
    { do: 'committed', next: 6n },
    { do: 'retryAfter', ms: 60_000 },
    { do: 'seek', position: 2n },
  ])('an answer $do is not followed once the partition was assigned anew', async (answer) => {
    await deliver(async () => {
      membership.assignment = 2;
      return answer;
    });
    expect(calls).toEqual([]);
  });

  test.each<Answer>([
    { do: 'retryAfter', ms: 60_000 },
    { do: 'seek', position: 2n },
  ])('an answer $do is not followed once another place was sought from outside', async (answer) => {
    await deliver(async () => {
      payload.isStale = () => true;
      return answer;
    });
    expect(calls).toEqual([]);
  });

  test('a commit that meets an outage is made up for by the next; one the group refuses is thrown as it is', async () => {
    payload.commitOffsetsIfNecessary = () => Promise.reject(protocolError('REQUEST_TIMED_OUT'));
    await deliver(first);
    expect(calls.filter((call) => call.startsWith('handle'))).toHaveLength(3);
    const refused = protocolError('ILLEGAL_GENERATION');
    payload.commitOffsetsIfNecessary = () => Promise.reject(refused);
    await expect(deliver(first)).rejects.toBe(refused);
  });
});
