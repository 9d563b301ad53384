import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { arrivalsOf, type History, historyArbitrary } from '../support/arbitraries.ts';
import { checkDump } from '../support/check-dump.ts';
import { canonicalRows, type Dump } from '../support/dump.ts';
import { expectedRows } from '../support/fold.ts';
import type { EventJson } from '../support/model-event.ts';
import { adjustment, order, payment, timeAt, user } from '../support/records.ts';
import { driveStore, type StoreDriver, TOPIC } from '../support/store-driver.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';
import { postgresProbe } from './postgres-probe.ts';

/** FC_RUNS raises it; a failure prints the seed and the path, FC_SEED repeats it. */
const RUNS = Number(process.env['FC_RUNS'] ?? 40);
const SEED = process.env['FC_SEED'];
const runs = (numRuns: number): fc.Parameters<unknown> => ({
  numRuns,
  ...(SEED === undefined ? {} : { seed: Number(SEED) }),
});

describe.each(storeFactories)('histories: $name', ({ open }) => {
  let opened: TestStore;
  beforeAll(async () => {
    opened = await open();
  });
  beforeEach(() => postgresProbe(opened.sql).emptyTables());
  afterAll(() => opened.close());

  const drive = (): Promise<StoreDriver> => driveStore(opened.store, postgresProbe(opened.sql));

  test('a user, its order, the payment and an adjustment make the same rows in all 24 orders, sent twice, in batches of 1 to 8', async () => {
    const { apply, probe, retryUntilQuiet } = await drive();
    const tags: string[] = [];
    for (const [n, arrangement] of permutations([0, 1, 2, 3]).entries()) {
      for (let size = 1; size <= 8; size += 1) {
        const tag = `.t${n}x${size}.`;
        tags.push(tag);
        const events = story(tag);
        const once = arrangement.map((index) => events[index] as EventJson);
        for (const batch of cut([...once, ...once], size)) await apply(batch);
      }
    }
    await retryUntilQuiet();
    const dump = await probe.dump();
    // Left out are letters, for how many events had to wait depends on the order, and positions.
    expect(tags.filter((tag) => JSON.stringify(rowsOf(dump, tag)) !== JSON.stringify(STORY_ROWS))).toEqual([]);
    expect(tags).toHaveLength(192);
  });

  test('any history without conflicts ends in the rows of its events, and waking alone gets it there', async () => {
    const histories = historyArbitrary({ emailRivalry: false, conflicts: false });
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const dump = await settled(history);
        const arrivals = arrivalsOf(history, letterId);
        expect(checkDump(arrivals, dump)).toEqual([]);
        expect(canonicalRows(dump)).toEqual(expectedRows(arrivals));
      }),
      runs(Math.ceil(RUNS / 2)),
    );
  });

  test('any history with e-mails that move and ids that conflict keeps the contract', async () => {
    const histories = historyArbitrary({ emailRivalry: true, conflicts: true });
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        expect(checkDump(arrivalsOf(history, letterId), await settled(history))).toEqual([]);
      }),
      runs(Math.ceil(RUNS / 2)),
    );
  });

  /**
   * The dump once nothing is due. Then each parked letter is tried once more, as by its backoff: it may turn out to be
   * stale or a conflict meanwhile, but waking must have left nothing that changes a row.
   */
  async function settled(history: History): Promise<Dump> {
    await postgresProbe(opened.sql).emptyTables();
    const { apply, probe, retryUntilQuiet } = await drive();
    for (const { partition, records } of history) {
      const sent = records.map(({ key, value }) => ({ key: bytes(key), value: bytes(value) }));
      await apply(sent, partition);
    }
    await retryUntilQuiet();
    const byWaking = canonicalRows(await probe.dump());
    await probe.makeParkedDue();
    await retryUntilQuiet();
    const dump = await probe.dump();
    expect(canonicalRows(dump)).toEqual(byWaking);
    return dump;
  }
});

const letterId = (partition: number, offset: number): string => `${TOPIC}:${partition}:${offset}`;

/** The same four events with ids of their own for every tag. */
function story(tag: string): EventJson[] {
  return [
    user(`u${tag}`, { eventId: `U${tag}`, at: 1 }),
    order(`o${tag}`, `u${tag}`, { eventId: `O${tag}`, at: 2 }),
    payment(`p${tag}`, `o${tag}`, { eventId: `P${tag}`, at: 3 }),
    adjustment(`s${tag}`, 5, { eventId: `I${tag}`, at: 4 }),
  ];
}

const STORY_ROWS = {
  users: [{ userId: 'u', email: 'u@example.com', name: 'Ada', occurredAt: timeAt(1), eventId: 'U' }],
  orders: [{ orderId: 'o', userId: 'u', currency: 'EUR', totalAmount: '10.0000', occurredAt: timeAt(2), eventId: 'O' }],
  items: [{ orderId: 'o', lineNo: '1', sku: 's1', quantity: '1', unitPrice: '10.0000' }],
  payments: [
    {
      paymentId: 'p',
      orderId: 'o',
      amount: '10.0000',
      currency: 'EUR',
      method: 'card',
      occurredAt: timeAt(3),
      eventId: 'P',
    },
  ],
  inventory: [{ sku: 's', quantity: '5', lastAdjustedAt: timeAt(4) }],
  ledger: ['I', 'O', 'P', 'U'].map((eventId) => ({ eventId, outcome: 'applied' })),
};

/** What the dump holds of one story, without its tag. */
function rowsOf({ letters: _, ...dump }: Dump, tag: string): unknown {
  const own = Object.entries(dump).map(([table, rows]) => [
    table,
    rows.map((row: object) => JSON.stringify(row)).filter((row: string) => row.includes(tag)),
  ]) as Array<[string, string[]]>;
  return Object.fromEntries(
    own.map(([table, rows]) => [table, rows.map((row) => JSON.parse(row.replaceAll(tag, '')) as object)]),
  );
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, n) =>
    permutations(items.filter((_, other) => other !== n)).map((rest) => [item, ...rest]),
  );
}

function cut<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}

function bytes(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text);
}
