import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createMemoryLog, type MemoryLog } from '../support/memory-log.ts';
import { type SteppedReader, stepReader } from '../support/pipeline-driver.ts';
import { poisonCatalogue } from '../support/poison.ts';
import { adjustment, bytesOf, type Sent } from '../support/records.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const BATCH = 1000;

describe.each(storeFactories)('a batch of the log on $name', (factory) => {
  let opened: TestStore;
  let log: MemoryLog;
  let read: SteppedReader;
  let tag = '';
  let tags = 0;

  beforeAll(async () => {
    opened = await factory.open();
  });
  afterAll(() => opened.close());
  beforeEach(() => {
    tags += 1;
    tag = `t${tags}`;
    log = createMemoryLog({ deliveryMaxRecords: 5000 });
    read = stepReader(log, opened.store.sink);
  });

  const append = (sent: readonly Sent[]): void => void log.appendTo(0, sent.map(bytesOf));
  const quantity = async (): Promise<number | string> => (await opened.store.reads.inventory(tag))?.quantity ?? 0;
  const letters = async () => {
    const all = await opened.store.deadLetters.list({}, { limit: 500, after: null });
    return all
      .filter(({ topic }) => topic === log.topic)
      .map(({ id, state, reason }) => `${id.split(':')[2]} ${state} ${reason}`)
      .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  };

  test('with one record for every reason: exactly these become dead letters, in that one delivery', async () => {
    const poison = poisonCatalogue(tag);
    const sent: Sent[] = poison.flatMap(({ preceding }) => preceding);
    const expected: string[] = [];
    for (const { reason, record } of poison) {
      while (sent.length % 60 !== 0) sent.push(adjustment(tag, 1));
      expected.push(`${sent.length} ${reason === 'MISSING_REFERENCE' ? 'parked' : 'dead'} ${reason}`);
      sent.push(record);
    }
    while (sent.length < BATCH) sent.push(adjustment(tag, 1));
    const good = sent.filter((one) => 'eventType' in one && one.eventType === 'InventoryAdjusted').length;
    append(sent);

    expect(await read.step()).toEqual({ do: 'committed', next: BigInt(BATCH) });
    expect(await letters()).toEqual(expected);
    expect(await quantity()).toBe(good);
    expect(expected.map((letter) => letter.split(' ')[2])).toEqual([
      'EMPTY_VALUE',
      'TOO_LARGE',
      'INVALID_UTF8',
      'INVALID_JSON',
      'INVALID_ENVELOPE',
      'UNKNOWN_TYPE',
      'UNSUPPORTED_VERSION',
      'INVALID_PAYLOAD',
      'INVALID_TEXT',
      'KEY_MISMATCH',
      'OCCURRED_IN_FUTURE',
      'ID_CONFLICT',
      'EMAIL_TAKEN',
      'MISSING_REFERENCE',
    ]);
  });

  describe('with rows that the database refuses', () => {
    const REFUSED = 666;

    beforeEach(() =>
      opened.sql.script(`alter table store.inventory drop constraint if exists a_test;
        alter table store.inventory add constraint a_test check (sku not like '${tag}-refused%')`),
    );
    afterAll(() => opened.sql.script('alter table store.inventory drop constraint if exists a_test'));

    const withRefused = (offsets: readonly number[], count: number): Sent[] =>
      Array.from({ length: count }, (_, n) =>
        offsets.includes(n) ? adjustment(`${tag}-refused-${n}`, 1) : adjustment(tag, 1),
      );

    test('finds the one by halving: it alone becomes ROW_REJECTED, everything else is applied', async () => {
      append(withRefused([REFUSED], BATCH));
      const answers = await read.drain();
      expect(await letters()).toEqual([`${REFUSED} dead ROW_REJECTED`]);
      expect(await quantity()).toBe(BATCH - 1);
      expect(answers.length).toBeLessThan(80);
      expect(read.recorded.of('partition-paused')).toEqual([]);
    });

    test('ten of them within 1,000 offsets become dead letters, the eleventh stops the consumer', async () => {
      const refused = Array.from({ length: 11 }, (_, n) => 5 + n * 7);
      append(withRefused(refused, 100));
      const answers = await read.drain(1000);
      expect(answers.at(-1)?.do).toBe('stop');
      expect(await letters()).toEqual(refused.slice(0, 10).map((offset) => `${offset} dead ROW_REJECTED`));
      expect(await quantity()).toBe(65);
    });

    test('ten, and one more beyond 1,000 offsets, stop nothing', async () => {
      const refused = [...Array.from({ length: 10 }, (_, n) => n * 7), 1200];
      append(withRefused(refused, 1300));
      const answers = await read.drain(1000);
      expect(answers.at(-1)?.do).toBe('committed');
      expect(await letters()).toHaveLength(11);
      expect(await quantity()).toBe(1300 - 11);
    });
  });

  test('takes at most the bytes allowed, but one record at least', async () => {
    const filler = 'x'.repeat(300);
    append(
      Array.from({ length: 6 }, (_, n) => {
        const { key, value } = bytesOf({
          ...adjustment(tag, 1),
          payload: { sku: tag, delta: 1, reason: `r${n}`, filler },
        });
        return { key, value };
      }),
    );
    const small = stepReader(log, opened.store.sink, { limits: { maxRecords: BATCH, maxBytes: 1100 } });
    await small.drain();
    expect(small.recorded.of('batch-applied').map(({ records }) => records.length)).toEqual([2, 2, 2]);
    append([adjustment(tag, 1)]);
    const tiny = stepReader(log, opened.store.sink, { limits: { maxRecords: BATCH, maxBytes: 1 } });
    tiny.reassign(6n);
    await tiny.drain();
    expect(await quantity()).toBe(7);
  });

  test('handed over twice changes nothing the second time', async () => {
    append([
      ...Array.from({ length: 5 }, () => adjustment(tag, 1)),
      ...poisonCatalogue(tag).map(({ record }) => record),
    ]);
    await read.drain();
    const before = [await quantity(), await letters()];
    const known = await opened.store.sink.openLog(await log.source(), log.topic);
    await opened.store.sink.setPositions(known, [{ partition: 0, to: 0n }], { actor: 'a', note: null, dryRun: false });
    const again = stepReader(log, opened.store.sink);
    await again.drain();
    expect([await quantity(), await letters()]).toEqual(before);
    expect(again.recorded.of('batch-applied').flatMap(({ records }) => records)).toHaveLength(5 + 14);
  });
});
