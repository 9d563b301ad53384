import { randomBytes } from 'node:crypto';

/** The part of kafkajs's Encoder that a codec sees. */
export interface Encoder {
  readonly buffer: Buffer;
}

export interface Codec {
  compress(encoder: Encoder): Promise<Buffer>;
  decompress(compressed: Buffer): Promise<Buffer>;
}

/** Nobody else can write a value that begins with it. */
const MARK = randomBytes(16);

/**
 * A record batch (format version 2) has a header of 61 bytes before its records; these are counted from its end.
 * Source: https://kafka.apache.org/documentation/#recordbatch
 */
const LAST_OFFSET_DELTA_AT = -38;
const RECORD_COUNT_AT = -4;

/**
 * Stands in for what a codec cannot decode. An exception from a codec would end the fetch of every partition of that
 * broker, again and again, and kafkajs would not say which partition it was; some kinds of exception it takes for the
 * end of the consumer. So the batch is given as many records as it says it has, at its last offsets, each with a mark
 * and the reason instead of its value. Whoever finds the mark knows the partition, and must not go past it.
 */
export function guarded(codec: Codec): Codec {
  return {
    // Through a promise: what the codec throws at once counts too.
    compress: async (encoder) => codec.compress(encoder),
    decompress: async (compressed) => {
      try {
        return await codec.decompress(compressed);
      } catch (error) {
        return markedRecords(compressed, String(error));
      }
    },
  };
}

/** Why the record could not be decoded; null if it was. */
export function whyUndecodable(value: Buffer | null): string | null {
  if (value === null || !value.subarray(0, MARK.length).equals(MARK)) return null;
  return value.toString('utf8', MARK.length);
}

function markedRecords(compressed: Buffer, reason: string): Buffer {
  const header = (at: number): number => Buffer.from(compressed.buffer, compressed.byteOffset + at, 4).readInt32BE(0);
  const count = header(RECORD_COUNT_AT);
  // Offsets may have holes; the last ones are those that a reader asks for last, and none lies above them.
  const first = header(LAST_OFFSET_DELTA_AT) - (count - 1);
  const value = Buffer.concat([MARK, Buffer.from(reason)]);
  return Buffer.concat(Array.from({ length: count }, (_, n) => encodeRecord(first + n, value)));
}

/** Attributes and timestamp delta 0, no key, no headers. */
function encodeRecord(offsetDelta: number, value: Buffer): Buffer {
  const body = [Buffer.from([0, 0]), varInt(offsetDelta), varInt(-1), varInt(value.length), value, varInt(0)];
  const bytes = body.reduce((sum, { length }) => sum + length, 0);
  return Buffer.concat([varInt(bytes), ...body]);
}

/** Zigzag, seven bits a byte, the lowest first. */
function varInt(number: number): Buffer {
  const bytes: number[] = [];
  let rest = ((number << 1) ^ (number >> 31)) >>> 0;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
