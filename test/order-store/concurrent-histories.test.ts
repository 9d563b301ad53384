import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kindOf } from '../../src/errors.ts';
import { arrivalsOf, HISTORY_PARTITIONS, type History, historyArbitrary } from '../support/arbitraries.ts';
import { checkDump } from '../support/check-dump.ts';
import type { Dump } from '../support/dump.ts';
import type { Sent } from '../support/records.ts';
import { driveStore, type StoreDriver, TOPIC } from '../support/store-driver.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';
import { postgresProbe } from './postgres-probe.ts';

/** FC_RUNS raises it. The interleaving is the database's, so a seed repeats the history but not always the failure. */
const RUNS = Math.ceil(Number(process.env['FC_RUNS'] ?? 40) / 2);

const factory = storeFactories.find(({ concurrent }) => concurrent);

describe.skipIf(factory === undefined)(`histories of several consumers: ${factory?.name ?? 'no server'}`, () => {
  let opened: TestStore;
  beforeAll(async () => {
    if (factory !== undefined) opened = await factory.open();
  });
  afterAll(() => opened.close());

  test('partitions applied at once, with letters tried meanwhile, keep the contract', async () => {
    const histories = historyArbitrary({ emailRivalry: true, conflicts: true });
    const letterId = (partition: number, offset: number): string => `${TOPIC}:${partition}:${offset}`;
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        expect(checkDump(arrivalsOf(history, letterId), await settled(history))).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  async function settled(history: History): Promise<Dump> {
    const probe = postgresProbe(opened.sql);
    await probe.emptyTables();
    const driver = await driveStore(opened.store, probe);
    const partitions = Array.from({ length: HISTORY_PARTITIONS }, (_, partition) =>
      consume(driver, history, partition),
    );
    const consumed = Promise.all(partitions);
    await Promise.all([consumed, retryWhile(driver, consumed)]);
    // A parked letter may miss a parent that another consumer creates meanwhile: that is what its backoff is for.
    await probe.makeParkedDue();
    await driver.retryUntilQuiet();
    return probe.dump();
  }
});

async function consume({ apply }: StoreDriver, history: History, partition: number): Promise<void> {
  for (const batch of history.filter((own) => own.partition === partition)) {
    const sent: Sent[] = batch.records.map(({ key, value }) => ({
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(value),
    }));
    await untilNoRace(() => apply(sent, partition));
  }
}

async function retryWhile({ retryDue }: StoreDriver, consumed: Promise<unknown>): Promise<void> {
  let done = false;
  const end = (): void => {
    done = true;
  };
  consumed.then(end, end);
  while (!done) await untilNoRace(retryDue);
}

async function untilNoRace<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (kindOf(error) !== 'race') throw error;
    }
  }
}
