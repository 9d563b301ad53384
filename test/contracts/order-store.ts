import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import type { OrderStore } from '../../src/order-store.ts';
import { batchesContract } from '../order-store/contract/batches.ts';
import { emailsContract } from '../order-store/contract/emails.ts';
import { ledgerContract } from '../order-store/contract/ledger.ts';
import { lettersContract } from '../order-store/contract/letters.ts';
import { positionsContract } from '../order-store/contract/positions.ts';
import { readsContract } from '../order-store/contract/reads.ts';
import { redriveContract } from '../order-store/contract/redrive.ts';
import { referencesContract } from '../order-store/contract/references.ts';
import { retentionContract } from '../order-store/contract/retention.ts';
import { versionsContract } from '../order-store/contract/versions.ts';
import { driveStore, type StoreDriver, type StoreProbe } from '../support/store-driver.ts';

/** An empty store of a test file's own, and what a test may do to its tables. */
export interface OpenedStore {
  readonly store: OrderStore;
  readonly probe: StoreProbe;
  /** Another process's view of the same store; the same one where only one session can be open. */
  readonly second: () => OrderStore;
  readonly close: () => Promise<void>;
}

export interface ContractFactory {
  readonly name: string;
  /** Whether several sessions can work at once. */
  readonly concurrent: boolean;
  readonly open: () => Promise<OpenedStore>;
}

/** The driver of the test under way: its tables are empty as the test begins. */
export type Driver = () => StoreDriver;

/** What every order store promises, whichever database keeps it. */
export function orderStoreContract(factory: ContractFactory): void {
  describe(`order store: ${factory.name}`, () => {
    let opened: OpenedStore;
    let current: StoreDriver;
    beforeAll(async () => {
      opened = await factory.open();
    });
    beforeEach(async () => {
      await opened.probe.emptyTables();
      current = await driveStore(opened.store, opened.probe);
    });
    afterAll(() => opened.close());

    const driver: Driver = () => current;
    describe('a batch', () => batchesContract(driver));
    describe('e-mails', () => emailsContract(driver));
    describe('the ledger', () => ledgerContract(driver));
    describe('letters', () => lettersContract(driver));
    describe('positions', () => positionsContract(driver));
    describe('retention', () => retentionContract(driver));
    describe('reads', () => readsContract(driver));
    describe('redrive', () => redriveContract(driver));
    describe('references', () => referencesContract(driver));
    describe('versions', () => versionsContract(driver));
  });
}
