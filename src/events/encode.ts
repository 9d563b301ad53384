/** What is sent of an event. `version` may be left out. */
export interface SentEvent {
  readonly eventId: string;
  readonly eventType: string;
  readonly version?: number;
  readonly occurredAt: string;
  readonly payload: object;
}

/**
 * An event as UTF-8 bytes for the log. Only the envelope's fields, so that what decoding adds (bodyHash, traceparent)
 * never goes back into a log; the payload as it is, unknown fields included. Equal events give equal bytes.
 */
export function encodeEvent({ eventId, eventType, version, occurredAt, payload }: SentEvent): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ eventId, eventType, version, occurredAt, payload }));
}
