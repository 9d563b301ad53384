import { type Decoded, type DecodeLimits, decodeRecord, type EventType, exampleEvent } from '../../src/events/index.ts';

export const NOW = Date.parse('2026-11-21T00:00:00.000Z');
export const LIMITS: DecodeLimits = { maxEventBytes: 256 * 1024, maxClockAheadMs: 3_600_000, unknownTypes: 'dead' };

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Decodes bytes, a text, or the JSON of a value; a key is given as text. */
export function decode(value: unknown, { key = null as string | null, limits = LIMITS } = {}): Decoded {
  const bytes = value instanceof Uint8Array ? value : utf8(typeof value === 'string' ? value : JSON.stringify(value));
  return decodeRecord({ key: key === null ? null : utf8(key), value: bytes, headers: [] }, limits, NOW);
}

/** 'event', 'ignored', or 'REASON path'. */
export function verdict(decoded: Decoded): string {
  if (decoded.kind !== 'rejection') return decoded.kind;
  const { reason, path } = decoded.rejection;
  return path === null ? reason : `${reason} ${path}`;
}

/** A valid event with fields of its envelope replaced; undefined removes one. */
export function event(eventType: EventType, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...exampleEvent(eventType), ...changes };
}

/** A valid event with fields of its payload replaced; undefined removes one. */
export function withPayload(eventType: EventType, changes: Record<string, unknown>): Record<string, unknown> {
  return event(eventType, { payload: { ...exampleEvent(eventType).payload, ...changes } });
}
