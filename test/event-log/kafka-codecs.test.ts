import kafkajs from 'kafkajs';
import { beforeAll, describe, expect, test } from 'vitest';
import { registerCodecs } from '../../src/event-log/kafka/codecs.ts';
import type { Codec } from '../../src/event-log/kafka/undecodable.ts';

const { CompressionTypes } = kafkajs;
const codecs = kafkajs.CompressionCodecs as unknown as Record<number, () => Codec>;
const CODECS = [
  ['gzip', CompressionTypes.GZIP],
  ['snappy', CompressionTypes.Snappy],
  ['lz4', CompressionTypes.LZ4],
  ['zstd', CompressionTypes.ZSTD],
] as const;

/** A record batch's header that tells of `count` records, then bytes that are of no codec. */
function brokenBatch(count: number): Buffer {
  const batch = Buffer.alloc(61 + 100, 0xee);
  batch.writeInt32BE(count - 1, 23);
  batch.writeInt32BE(count, 57);
  return batch.subarray(61);
}

describe('codecs', () => {
  beforeAll(registerCodecs);

  // A codec that throws ends the fetch of every partition of the broker, or the consumer.
  test.each(CODECS)('%s never throws at what it cannot read', async (_name, type) => {
    for (const count of [1, 3, 200]) {
      const records = await codecs[type]?.().decompress(brokenBatch(count));
      expect(records?.length).toBeGreaterThan(count * 20);
    }
  });

  test.each(CODECS.filter(([name]) => name !== 'zstd'))('%s reads what it wrote', async (_name, type) => {
    const bytes = Buffer.from('text '.repeat(50_000));
    const codec = codecs[type]?.();
    const compressed = await codec?.compress({ buffer: bytes });
    expect(compressed?.length).toBeLessThan(bytes.length / 5);
    expect((await codec?.decompress(compressed ?? Buffer.alloc(0)))?.equals(bytes)).toBe(true);
  });
});
