import { bodyHash, type ReceivedBody } from './body-hash.ts';
import { isObject, type ParsedEvent, schemaFor } from './envelope.ts';
import type { Event } from './event.ts';
import { isTooDeep } from './nesting.ts';
import { type Problem, problemsOf } from './problem.ts';

export interface DecodeLimits {
  readonly maxEventBytes: number;
  /** How far occurredAt may lie ahead of now. */
  readonly maxClockAheadMs: number;
  /** What becomes of events of a type that is none of ours: a dead letter, or nothing. */
  readonly unknownTypes: 'dead' | 'ignore';
}

export type Checked =
  | { readonly ok: true; readonly event: Event }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] };

export const TOO_DEEP: Problem = {
  path: '',
  message: 'must not be nested deeper than 64 levels',
  reason: 'INVALID_JSON',
};

export function tooLarge(limits: DecodeLimits): Problem {
  return { path: '', message: `must have at most ${limits.maxEventBytes} bytes`, reason: 'TOO_LARGE' };
}

/**
 * Holds a parsed event against the contract and names every bad field, at most 100. Never throws, whatever JSON.parse
 * gave; it agrees with decodeRecord on what is valid. An unknown type is a problem even where such records are ignored.
 */
export function checkEvent(value: unknown, limits: DecodeLimits, now: number): Checked {
  if (isTooDeep(value)) return failed(TOO_DEEP);
  if (Buffer.byteLength(JSON.stringify(value) ?? '') > limits.maxEventBytes) return failed(tooLarge(limits));
  const checked = checkContract(value);
  return checked.ok ? checkClock(checked.event, limits, now) : checked;
}

/** All that can be said about a parsed event without a clock; it must not be too deep. */
export function checkContract(value: unknown, traceparent: string | null = null): Checked {
  const parsed = schemaFor(value).safeParse(value);
  if (!parsed.success) {
    const [first, ...others] = problemsOf(parsed.error.issues, value);
    // A schema that fails names an issue; should that ever be untrue, the event is still refused.
    return failed(first ?? { path: '', message: 'must be an event', reason: 'INVALID_ENVELOPE' }, ...others);
  }
  return { ok: true, event: eventOf(parsed.data as ParsedEvent, isObject(value) ? value : {}, traceparent) };
}

/** Field by field, for a spread costs more than the hash; the cast joins a type with its payload again. */
function eventOf(parsed: ParsedEvent, received: ReceivedBody, traceparent: string | null): Event {
  const { eventId, eventType, version, occurredAt, payload } = parsed;
  return { eventId, eventType, version, occurredAt, bodyHash: bodyHash(received), traceparent, payload } as Event;
}

/** One event of 2099 would make every later one of its entity stale for ever. */
export function checkClock(event: Event, limits: DecodeLimits, now: number): Checked {
  if (Date.parse(event.occurredAt) <= now + limits.maxClockAheadMs) return { ok: true, event };
  const message = `must not be more than ${limits.maxClockAheadMs / 1000} seconds ahead of this service's clock`;
  return failed({ path: 'occurredAt', message, reason: 'OCCURRED_IN_FUTURE' });
}

function failed(...problems: [Problem, ...Problem[]]): Checked {
  return { ok: false, problems };
}
