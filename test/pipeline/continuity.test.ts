import { expect, test } from 'vitest';
import { checkContinuity } from '../../src/pipeline/continuity.ts';
import { newPartition } from '../../src/pipeline/partition.ts';

test('a record below the position with a time that is no date is told, not a defect', async () => {
  const state = { ...newPartition(0, 1000), aligned: true };
  const position = { partition: 0, nextOffset: 5n, previousTimestamp: 1_000, quarantineOffset: null };
  const record = { topic: 't', partition: 0, offset: 4n, timestamp: 9e18, key: null, value: null, headers: [] };
  const delivery = { topic: 't', partition: 0, assignment: 1, fetchedFrom: 4n, records: [record] };
  const watermarks = async () => ({ partition: 0, start: 0n, end: 9n });
  const continuity = await checkContinuity(state, position, delivery, watermarks);
  expect(continuity).toMatchObject({ is: 'broken', detail: expect.stringContaining('LOG_RESTARTED') });
});
