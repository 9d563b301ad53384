import { expect, test } from 'vitest';
import type { Driver } from '../../contracts/order-store.ts';
import { letterBatch, user } from '../../support/records.ts';
import { applied, openLetter } from '../../support/store-driver.ts';

const TAKEN = 'dead EMAIL_TAKEN email:a@example.com';
const A = 'a@example.com';
const B = 'b@example.com';

/** An e-mail belongs to one user at a time. */
export function emailsContract(driver: Driver): void {
  const holders = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await driver().probe.dump()).users.map(({ userId, email }) => [userId, email]));

  test("an e-mail in another user's row is taken, also within the batch", async () => {
    const { apply } = driver();
    await apply([user('u1', { email: A })]);
    expect(await apply([user('u2', { email: A }), user('u3')])).toEqual([TAKEN, 'applied']);
    expect(await apply([user('u4', { email: B }), user('u5', { email: B })])).toEqual([
      'applied',
      'dead EMAIL_TAKEN email:b@example.com',
    ]);
  });

  test('a user may name its own e-mail again, in a batch and later', async () => {
    const { apply } = driver();
    expect(await apply([user('u1', { email: A, at: 1 }), user('u1', { email: A, at: 2 })])).toEqual([
      'stale',
      'applied',
    ]);
    expect(await apply([user('u1', { email: A, at: 3 })])).toEqual(['applied']);
  });

  test('e-mails are one by NFC and lower case, and are kept as given', async () => {
    const { apply } = driver();
    expect(
      await apply([user('u1', { email: 'Zoe\u0308@Example.com' }), user('u2', { email: 'zo\u00eb@EXAMPLE.com' })]),
    ).toEqual(['applied', 'dead EMAIL_TAKEN email:zo\u00eb@example.com']);
    expect(await holders()).toEqual({ u1: 'Zoe\u0308@Example.com' });
  });

  test('a record that is not admissible itself takes no e-mail from a later one', async () => {
    const { apply } = driver();
    await apply([user('u1', { email: A, at: 5 })]);
    // Stale: it names b, yet u1 does not get it.
    expect(await apply([user('u1', { email: B, at: 1 }), user('u2', { email: B })])).toEqual(['stale', 'applied']);
  });

  test('an e-mail that moves within a batch is taken first, then the one who waits gets it', async () => {
    const { apply, retryUntilQuiet } = driver();
    await apply([user('u1', { email: A, at: 1 })]);
    expect(await apply([user('u1', { email: B, at: 2 }), user('u2', { email: A })])).toEqual(['applied', TAKEN]);
    expect(await retryUntilQuiet()).toEqual({ 'order-events:0:2': 'applied' });
    expect(await holders()).toEqual({ u1: B, u2: A });
  });

  test('two users that swap e-mails in a batch both keep theirs', async () => {
    const { apply, retryDue } = driver();
    await apply([user('u1', { email: A, at: 1 }), user('u2', { email: B, at: 1 })]);
    expect(await apply([user('u1', { email: B, at: 2 }), user('u2', { email: A, at: 2 })])).toEqual([
      'dead EMAIL_TAKEN email:b@example.com',
      TAKEN,
    ]);
    expect(await retryDue()).toEqual({});
    expect(await holders()).toEqual({ u1: A, u2: B });
  });

  test('an e-mail that is given up wakes the dead letter that waits for it', async () => {
    const { apply, retryUntilQuiet } = driver();
    await apply([user('u1', { email: A, at: 1 }), user('u2', { email: A })]);
    await apply([user('u1', { email: B, at: 2 })], 1);
    expect(await retryUntilQuiet()).toEqual({ 'order-events:0:1': 'applied' });
    expect(await holders()).toEqual({ u1: B, u2: A });
  });

  test('an e-mail that is named in a batch and held by nobody after it wakes who was refused for it', async () => {
    const { apply, retryUntilQuiet } = driver();
    // u1 names a, then moves on to b in the same batch: a never gets into its row.
    expect(
      await apply([user('u1', { email: A, at: 1 }), user('u2', { email: A }), user('u1', { email: B, at: 2 })]),
    ).toEqual(['stale', TAKEN, 'applied']);
    expect(await retryUntilQuiet()).toEqual({ 'order-events:0:1': 'applied' });
    expect(await holders()).toEqual({ u1: B, u2: A });
  });

  test('of several that wait for an e-mail one gets it and the others wait on', async () => {
    const { apply, retryUntilQuiet } = driver();
    await apply([user('u1', { email: A, at: 1 }), user('u2', { email: A }), user('u3', { email: A })]);
    await apply([user('u1', { email: B, at: 2 })]);
    expect(Object.values(await retryUntilQuiet()).sort()).toEqual(['applied', TAKEN]);
  });

  test('if the one who was woken wants the e-mail no more, the next one is woken', async () => {
    const { apply, retryUntilQuiet, store } = driver();
    await apply([user('u1', { email: A, at: 1 }), user('u2', { email: A, at: 1 }), user('u3', { email: A })]);
    // u2 has moved on by another way, so its letter is stale and leaves the e-mail to u3.
    await apply([user('u2', { email: 'c@example.com', at: 5 })]);
    await apply([user('u1', { email: B, at: 2 })]);
    const first = await openLetter(store, 'order-events:0:1');
    await store.sink.claimDueLetters({ limit: 9, maxBytes: 1e9, leaseMs: 60_000 });
    expect(await applied(store, letterBatch([first]))).toEqual(['stale']);
    expect(await retryUntilQuiet()).toEqual({ 'order-events:0:2': 'applied' });
    expect(await holders()).toMatchObject({ u3: A });
  });

  test('a dead letter whose e-mail is still taken stays dead, and its revision moves', async () => {
    const { apply, store } = driver();
    await apply([user('u1', { email: A }), user('u2', { email: A })]);
    const letter = await openLetter(store, 'order-events:0:1');
    expect(await applied(store, letterBatch([letter]))).toEqual([TAKEN]);
    expect(await openLetter(store, letter.id)).toMatchObject({ state: 'dead', revision: letter.revision + 1 });
  });
}
