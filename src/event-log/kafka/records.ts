import type { IHeaders, KafkaMessage, Message } from 'kafkajs';
import type { LogRecord, NewRecord, RecordHeader } from '../../event-log.ts';

/** A received message as the port has it. */
export function toLogRecord(topic: string, partition: number, message: KafkaMessage): LogRecord {
  const { key, value, offset, timestamp, headers } = message;
  return {
    topic,
    partition,
    offset: BigInt(offset),
    timestamp: Number(timestamp),
    key,
    value,
    headers: Object.entries(headers ?? {}).flatMap(([name, given]) => toRecordHeaders(name, given)),
  };
}

/** Kafka allows a header without a value; the port has an empty one. */
function toRecordHeaders(name: string, given: IHeaders[string]): RecordHeader[] {
  const values = Array.isArray(given) ? given : [given];
  return values.map((value) => [name, Buffer.from(value ?? '')] as const);
}

/** A record to send, without its partition. */
export function toMessage({ key, value, headers = [] }: NewRecord): Message {
  return { key: toBuffer(key), value: toBuffer(value), headers: toMessageHeaders(headers) };
}

/** kafkajs keeps the values of a name together: order is kept among equal names only. */
function toMessageHeaders(headers: readonly RecordHeader[]): IHeaders {
  const byName = new Map<string, Buffer[]>();
  for (const [name, value] of headers) byName.set(name, [...(byName.get(name) ?? []), viewOf(value)]);
  return Object.fromEntries(byName);
}

function toBuffer(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : viewOf(bytes);
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Bytes of key, value and headers, without what Kafka adds to them. */
export function sizeOf({ key, value, headers = [] }: NewRecord): number {
  const inHeaders = headers.reduce((sum, [name, given]) => sum + name.length + given.byteLength, 0);
  return (key?.byteLength ?? 0) + (value?.byteLength ?? 0) + inHeaders;
}
