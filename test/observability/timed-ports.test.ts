import { describe, expect, test } from 'vitest';
import type { EventLog } from '../../src/event-log.ts';
import { timedLog } from '../../src/observability/timed-log.ts';
import { timedStore } from '../../src/observability/timed-store.ts';
import type { OrderStore } from '../../src/order-store.ts';

/** A clock that a call moves on by as many ms as it takes. */
function clock() {
  let ms = 1000;
  return {
    now: () => ms,
    pass: (taken: number) => {
      ms += taken;
    },
  };
}

describe('timedStore', () => {
  const time = clock();
  const store = {
    kind: 'embedded',
    sink: {
      label: 'sink of 3',
      async countRejectedRows() {
        time.pass(7);
        return this.label.length;
      },
    },
    deadLetters: {
      async stats() {
        time.pass(30);
        throw new Error('away');
      },
    },
    reads: {
      async user(userId: string) {
        time.pass(2);
        return { userId };
      },
    },
    mirror: {},
    close: async () => {},
  } as unknown as OrderStore;
  const seen: unknown[] = [];
  const timed = timedStore(store, (...call) => seen.push(call), time.now);

  test('every call is passed on and measured, also one that fails', async () => {
    const partition = { partition: 0, from: 0n, to: 1n };
    expect(await timed.sink.countRejectedRows({ logNo: 1, topic: 't', letterSuffix: '' }, partition)).toBe(9);
    await expect(timed.deadLetters.stats()).rejects.toThrow('away');
    expect(await timed.reads.user('u1')).toEqual({ userId: 'u1' });
    expect(seen).toEqual([
      ['sink.countRejectedRows', 7, null],
      ['deadLetters.stats', 30, new Error('away')],
      ['reads.user', 2, null],
    ]);
    expect(timed.kind).toBe('embedded');
  });
});

describe('timedLog', () => {
  test('an append is measured until it is acknowledged, and one that failed is told as such', async () => {
    const time = clock();
    let fails = false;
    const log = {
      topic: 'orders',
      kind: 'embedded',
      append: async () => {
        time.pass(12);
        if (fails) throw new Error('away');
        return [];
      },
      watermarks: async () => [{ partition: 0, start: 0n, end: 3n }],
      offsetsAt: async () => [],
    } as unknown as EventLog;
    const seen: unknown[] = [];
    const timed = timedLog(log, (...call) => seen.push(call), time.now);
    await timed.append([]);
    fails = true;
    await expect(timed.append([])).rejects.toThrow('away');
    expect(seen).toEqual([
      ['log.append', 12, null],
      ['log.append', 12, new Error('away')],
    ]);
    expect(await timed.watermarks()).toHaveLength(1);
    expect([timed.topic, timed.kind]).toEqual(['orders', 'embedded']);
  });
});
