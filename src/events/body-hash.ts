import { hash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';

/** The parts of an event that make it what it is, as they were received. */
export interface ReceivedBody {
  readonly eventType?: unknown;
  readonly version?: unknown;
  readonly occurredAt?: unknown;
  readonly payload?: unknown;
}

/**
 * Base64 of SHA-256 over the canonical JSON of { eventType, version, occurredAt, payload } as received: white space, key
 * order and what a later schema makes of the fields do not change it, unknown fields of the payload do. A missing
 * version counts as 1. Two events with one id are the same event if and only if their hashes agree.
 */
export function bodyHash({ eventType, version = 1, occurredAt, payload }: ReceivedBody): string {
  return hash('sha256', canonicalJson({ eventType, occurredAt, payload, version }), 'base64');
}
