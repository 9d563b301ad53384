import { checkClock, checkContract, type DecodeLimits, TOO_DEEP, tooLarge } from './check.ts';
import { isObject } from './envelope.ts';
import { type Event, entityField, isEventType, recordKey } from './event.ts';
import { isEventIdentifier, isIdentifier } from './identifier.ts';
import { isTooDeep } from './nesting.ts';
import type { Problem } from './problem.ts';
import type { Reason } from './reasons.ts';
import { type Headers, traceparentOf } from './traceparent.ts';

/** What decoding needs of a record of the log. */
export interface EncodedRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Headers;
}

/** Why a record is not an event that can be applied. Ids and type only where they can be read and are valid. */
export interface Rejection {
  readonly reason: Reason;
  /** What is wrong and what it should be; at most 500 characters. */
  readonly message: string;
  readonly path: string | null;
  readonly eventId: string | null;
  readonly eventType: string | null;
  readonly entityId: string | null;
}

export type Decoded =
  | { readonly kind: 'event'; readonly event: Event }
  | { readonly kind: 'rejection'; readonly rejection: Rejection }
  /** An event of a type that is none of ours, where those are to be ignored. */
  | { readonly kind: 'ignored'; readonly eventType: null; readonly eventId: string | null };

/** Fatal: anything more lenient, Buffer.toString above all, silently replaces what it cannot read. Strips a BOM. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Turns a record into an event, or says why it is none. Never throws, whatever the bytes. Of several faults it reports
 * the first in the order of REASONS. `now` in milliseconds since 1970.
 */
export function decodeRecord(record: EncodedRecord, limits: DecodeLimits, now: number): Decoded {
  const parsed = parse(record.value, limits);
  if ('problem' in parsed) return rejection(parsed.problem, undefined);
  const { value } = parsed;
  const checked = checkContract(value, traceparentOf(record.headers));
  if (!checked.ok) return refused(checked.problems[0], value, limits);
  if (!isKeyOf(record.key, checked.event)) return rejection(KEY_MISMATCH, value);
  const timely = checkClock(checked.event, limits, now);
  return timely.ok ? { kind: 'event', event: timely.event } : rejection(timely.problems[0], value);
}

type Parsed = { readonly value: unknown } | { readonly problem: Problem };

function parse(bytes: Uint8Array | null, limits: DecodeLimits): Parsed {
  if (bytes === null || bytes.length === 0) return wholly('EMPTY_VALUE', 'must have a value: deleting is not an event');
  if (bytes.length > limits.maxEventBytes) return { problem: tooLarge(limits) };
  let text: string;
  try {
    text = UTF_8.decode(bytes);
  } catch {
    return wholly('INVALID_UTF8', 'must be UTF-8');
  }
  try {
    const value: unknown = JSON.parse(text);
    return isTooDeep(value) ? { problem: TOO_DEEP } : { value };
  } catch (error) {
    return wholly('INVALID_JSON', `must be JSON${placeOf(error)}`);
  }
}

/** V8's message quotes the text around the fault, which may be personal data: only the place is told on. */
function placeOf(error: unknown): string {
  const place = error instanceof Error ? / at position (\d+)/.exec(error.message) : null;
  return place === null ? '' : `; it ceases to be at character ${place[1]}`;
}

function wholly(reason: Reason, message: string): Parsed {
  return { problem: { path: '', message, reason } };
}

const KEY_MISMATCH: Problem = {
  path: '',
  message: "must have no record key or the entity's: userId, orderId (for a payment too) or sku, as in the payload",
  reason: 'KEY_MISMATCH',
};

/** A missing key is accepted: it only costs the order among the entity's events, which nothing relies on. */
function isKeyOf(key: Uint8Array | null, event: Event): boolean {
  if (key === null) return true;
  const expected = recordKey(event);
  return key.length === expected.length && key.every((byte, i) => byte === expected.charCodeAt(i));
}

function refused(problem: Problem, value: unknown, limits: DecodeLimits): Decoded {
  const ignored = problem.reason === 'UNKNOWN_TYPE' && limits.unknownTypes === 'ignore';
  return ignored ? { kind: 'ignored', eventType: null, eventId: readable(value).eventId } : rejection(problem, value);
}

function rejection({ reason, message, path }: Problem, value: unknown): Decoded {
  const subject = path === '' ? 'the record' : path;
  return {
    kind: 'rejection',
    rejection: { reason, message: `${subject} ${message}`, path: path === '' ? null : path, ...readable(value) },
  };
}

/** What can be told of a value that is not an event, so that its letter can be found by it. */
function readable(value: unknown): Pick<Rejection, 'eventId' | 'eventType' | 'entityId'> {
  if (!isObject(value)) return { eventId: null, eventType: null, entityId: null };
  const { eventId, eventType, payload } = value;
  const entityId = isEventType(eventType) && isObject(payload) ? payload[entityField(eventType)] : null;
  return {
    eventId: isEventIdentifier(eventId) ? eventId : null,
    eventType: isIdentifier(eventType) ? eventType : null,
    entityId: isIdentifier(entityId) ? entityId : null,
  };
}
