import { expect, test } from 'vitest';
import { createPartitioner, murmur2, partitionOfKey } from '../../src/event-log/murmur2.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

// From org.apache.kafka.common.utils.UtilsTest.testMurmur2 (Apache Kafka).
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of "%s" is what Kafka computes', (text, hash) => {
  expect(murmur2(bytes(text))).toBe(hash);
});

test('a key in the middle of a larger buffer hashes like a copy of it', () => {
  expect(murmur2(bytes('xxfoobar').subarray(2))).toBe(-790332482);
});

test('a negative hash loses its sign bit, not its sign', () => {
  expect(partitionOfKey(bytes('21'), 6)).toBe((-973932308 & 0x7fffffff) % 6);
  expect(partitionOfKey(bytes('21'), 6)).not.toBe(973932308 % 6);
});

test('records without a key take the partitions in turn, and keyed ones do not disturb that', () => {
  const partitionOf = createPartitioner(3);
  expect([null, bytes('abc'), null, null, null].map(partitionOf)).toEqual([0, 479470107 % 3, 1, 2, 0]);
});
