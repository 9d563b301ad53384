import type { LogRecord, NewRecord, RecordHeader } from '../../event-log.ts';

/** A record as log.append takes it: partition, key, value, headers; bytes are base64. */
export interface AppendedRecord {
  readonly p: number;
  readonly k: string | null;
  readonly v: string | null;
  readonly h: readonly StoredHeader[] | null;
}

/** The name is base64 as well: JSON in PostgreSQL takes neither NUL nor half a surrogate pair. */
type StoredHeader = readonly [name: string, value: string];

/** The row of fetch.sql: all keys and all values run together as base64 (null if none has any), and what cuts them. */
export interface FetchedRow {
  readonly keys: string | null;
  readonly values: string | null;
  readonly records: ReadonlyArray<
    readonly [
      offset: string,
      timestamp: number,
      keyLength: number | null,
      valueLength: number | null,
      headers: readonly StoredHeader[] | null,
    ]
  >;
}

export function toAppended(record: NewRecord, partition: number): AppendedRecord {
  const headers = record.headers ?? [];
  return {
    p: partition,
    k: toBase64(record.key),
    v: toBase64(record.value),
    h:
      headers.length === 0
        ? null
        : headers.map(([name, value]) => [toBase64(Buffer.from(name)), toBase64(value)] as const),
  };
}

export function fromFetched(row: FetchedRow, topic: string, partition: number): LogRecord[] {
  const nextKey = cutter(row.keys);
  const nextValue = cutter(row.values);
  return row.records.map(([offset, timestamp, keyLength, valueLength, headers]) => ({
    topic,
    partition,
    offset: BigInt(offset),
    timestamp,
    key: nextKey(keyLength),
    value: nextValue(valueLength),
    headers: (headers ?? []).map(fromStored),
  }));
}

function fromStored([name, value]: StoredHeader): RecordHeader {
  return [Buffer.from(name, 'base64').toString('utf8'), Buffer.from(value, 'base64')];
}

/** Gives the next so many bytes at each call; null stays null and takes none. */
function cutter(base64: string | null): (length: number | null) => Uint8Array | null {
  const bytes = Buffer.from(base64 ?? '', 'base64');
  let at = 0;
  return (length) => {
    if (length === null) return null;
    at += length;
    return bytes.subarray(at - length, at);
  };
}

function toBase64(bytes: Uint8Array): string;
function toBase64(bytes: Uint8Array | null): string | null;
function toBase64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
