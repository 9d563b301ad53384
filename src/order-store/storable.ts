import type { LogRecord, RecordHeader } from '../event-log.ts';
import type { Rejection } from '../events/index.ts';

/**
 * The one place where what a stranger sent is made storable in any database: bytes as base64, texts without NUL and
 * lone surrogates and of bounded length, ids only if they are ids.
 */

/** More of a payload than this is not kept; the letter says that it was cut. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;
const MAX_ERROR_UNITS = 1000;
const MAX_PATH_UNITS = 200;
const ID = /^[A-Za-z0-9][\x21-\x7e]{0,63}$/;
/** What timestamptz and datetime2 both hold. */
const EARLIEST = Date.parse('0001-01-01T00:00:00.000Z');
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');
const UNSTORABLE = /[\0\p{Surrogate}]/gu;

/**
 * The time of a record (ms) as text, null if a database cannot hold it. Producers set it to anything, microseconds and
 * nanoseconds above all, and a time that cannot be stored must not stop the partition.
 */
export function storableTime(timestamp: number): string | null {
  return timestamp >= EARLIEST && timestamp <= LATEST ? new Date(timestamp).toISOString() : null;
}

/** A record as received, as a row of the batch's JSON. */
export function storableRecord(record: LogRecord, id: string): object {
  const kept = record.value?.subarray(0, MAX_PAYLOAD_BYTES) ?? null;
  return {
    id,
    offset: record.offset.toString(),
    timestamp: new Date(Math.min(Math.max(record.timestamp, EARLIEST), LATEST)).toISOString(),
    key: base64(record.key),
    payload: base64(kept),
    payloadBytes: record.value?.length ?? 0,
    truncated: (record.value?.length ?? 0) > MAX_PAYLOAD_BYTES,
    headers: base64(encodeHeaders(record.headers)),
  };
}

/** Why a record was refused, as a row of the batch's JSON. */
export function storableRejection(rejection: Rejection): object {
  return {
    reason: rejection.reason,
    error: storableText(rejection.message, MAX_ERROR_UNITS),
    path: rejection.path === null ? null : storableText(rejection.path, MAX_PATH_UNITS),
    eventId: storableId(rejection.eventId),
    eventType: rejection.eventType === null ? null : storableText(rejection.eventType, 64),
    entityId: storableId(rejection.entityId),
  };
}

export function base64(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

export function fromBase64(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text, 'base64');
}

/** Headers as bytes: JSON of [name, base64] pairs, for names may repeat and hold anything. */
export function encodeHeaders(headers: readonly RecordHeader[]): Uint8Array {
  return Buffer.from(JSON.stringify(headers.map(([name, value]) => [name, base64(value)])));
}

export function decodeHeaders(bytes: Uint8Array | null): RecordHeader[] {
  if (bytes === null) return [];
  const pairs = JSON.parse(Buffer.from(bytes).toString('utf8')) as Array<[string, string]>;
  return pairs.map(([name, value]) => [name, Buffer.from(value, 'base64')]);
}

function storableText(text: string, maxUnits: number): string {
  const clean = text.replace(UNSTORABLE, '\ufffd');
  // A cut through a surrogate pair would leave half of it.
  return clean.length <= maxUnits ? clean : `${clean.slice(0, maxUnits - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

function storableId(id: string | null): string | null {
  return id !== null && ID.test(id) ? id : null;
}
