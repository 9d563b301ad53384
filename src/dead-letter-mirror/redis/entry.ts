import type { OpenMirrorLetter } from '../../dead-letter-mirror.ts';

/** The fields of a letter's HASH, for people and their tools. What a letter does not have is not there. */
export function entryFields(epoch: string, letter: OpenMirrorLetter): string[] {
  const payload = readable(letter.payload);
  const key = readable(letter.key);
  const fields: Record<string, string | number | null> = {
    id: letter.id,
    state: letter.state,
    reason: letter.reason,
    error: letter.error,
    eventId: letter.eventId,
    eventType: letter.eventType,
    entityId: letter.entityId,
    payload: payload.text,
    payloadEncoding: payload.encoding,
    topic: letter.topic,
    partition: letter.partition,
    offset: letter.offset,
    key: key.text,
    // Keys are text nearly always: only one that is not says so.
    keyEncoding: key.encoding === 'base64' ? 'base64' : null,
    failedAt: letter.lastFailedAt,
    firstFailedAt: letter.firstFailedAt,
    retryCount: letter.attempts - 1,
    traceparent: letter.traceparent,
    revision: letter.revision,
    epoch,
  };
  return Object.entries(fields).flatMap(([name, value]) => (value === null ? [] : [name, String(value)]));
}

// ignoreBOM keeps a byte order mark in the text: without it the text would not have the same bytes.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as the text they are, otherwise as base64. */
function readable(bytes: Uint8Array | null): { text: string | null; encoding: 'utf8' | 'base64' | null } {
  if (bytes === null) return { text: null, encoding: null };
  try {
    return { text: strictUtf8.decode(bytes), encoding: 'utf8' };
  } catch {
    return { text: Buffer.from(bytes).toString('base64'), encoding: 'base64' };
  }
}
