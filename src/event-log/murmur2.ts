const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/**
 * The hash by which Kafka's clients choose partitions, as a signed 32-bit number.
 * Source: org.apache.kafka.common.utils.Utils.murmur2 (Apache Kafka).
 */
export function murmur2(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const aligned = data.length & ~3;
  let hash = SEED ^ data.length;
  for (let at = 0; at < aligned; at += 4) {
    let word = Math.imul(view.getInt32(at, true), M);
    word = Math.imul(word ^ (word >>> R), M);
    hash = Math.imul(hash, M) ^ word;
  }
  const rest = data.subarray(aligned);
  if (rest.length > 0) {
    const tail = rest.reduceRight((word, byte) => (word << 8) | byte, 0);
    hash = Math.imul(hash ^ tail, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/** Where Kafka's clients put a key. The sign bit is cut off (toPositive), not the absolute value taken. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** Chooses partitions as Kafka's clients do: equal keys together, records without a key in turn. */
export function createPartitioner(partitions: number): (key: Uint8Array | null) => number {
  let keyless = 0;
  return (key) => {
    if (key !== null) return partitionOfKey(key, partitions);
    const partition = keyless;
    keyless = (keyless + 1) % partitions;
    return partition;
  };
}
