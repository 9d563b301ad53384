import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { decompress as decompressZstd } from 'fzstd';
import kafkajs from 'kafkajs';
import { compressFrame, decompressFrame } from 'lz4-napi';
import { compress as compressSnappy, uncompress as decompressSnappy } from 'snappyjs';
import { type Codec, guarded } from './undecodable.ts';

// A CommonJS module whose names of objects Node does not find.
const { CompressionCodecs, CompressionTypes } = kafkajs;

/** Teaches kafkajs what it has no codec for, once per process. Gzip it has, but it would not survive a broken batch. */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.GZIP] = () => guarded(gzip);
  CompressionCodecs[CompressionTypes.Snappy] = () => guarded(snappy);
  CompressionCodecs[CompressionTypes.LZ4] = () => guarded(lz4);
  CompressionCodecs[CompressionTypes.ZSTD] = () => guarded(zstd);
}

const gzip: Codec = {
  compress: ({ buffer }) => promisify(zlib.gzip)(buffer),
  decompress: (compressed) => promisify(zlib.gunzip)(compressed),
};

/** Java's producers write the framing of xerial's snappy-java: this, two versions, then blocks with their lengths. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

const snappy: Codec = {
  compress: async ({ buffer }) => Buffer.from(compressSnappy(buffer)),
  decompress: async (compressed) => {
    const isFramed = compressed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC);
    const blocks = isFramed ? xerialBlocks(compressed) : [compressed];
    return Buffer.concat(blocks.map((block) => decompressSnappy(block)));
  },
};

function xerialBlocks(framed: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER_BYTES; at < framed.length; ) {
    const end = at + 4 + framed.readUInt32BE(at);
    blocks.push(framed.subarray(at + 4, end));
    at = end;
  }
  return blocks;
}

const lz4: Codec = {
  compress: ({ buffer }) => compressFrame(buffer),
  decompress: (compressed) => decompressFrame(compressed),
};

/** node:zlib has it from 22.15; before that a decoder in JavaScript reads, a few times slower, and nothing writes. */
interface NativeZstd {
  readonly zstdCompress?: (data: Uint8Array, done: (error: Error | null, result: Buffer) => void) => void;
  readonly zstdDecompress?: NativeZstd['zstdCompress'];
}
const { zstdCompress, zstdDecompress } = zlib as NativeZstd;

const zstd: Codec = {
  compress: ({ buffer }) => {
    if (zstdCompress === undefined) throw new Error('writing zstd needs Node.js 22.15 or newer');
    return promisify(zstdCompress)(buffer);
  },
  decompress: async (compressed) =>
    zstdDecompress === undefined ? Buffer.from(decompressZstd(compressed)) : promisify(zstdDecompress)(compressed),
};
