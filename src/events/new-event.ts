import { z } from 'zod';
import { EVENT_SCHEMAS, isObject } from './envelope.ts';
import { EVENT_TYPES, type EventType, examplePayload } from './event.ts';

/** Who an event is and when it happened: what a producer gives, or what is filled in for them. */
export interface EventIdentity {
  readonly eventId: string;
  readonly occurredAt: string;
}

const MAY_BE_FILLED_IN = { eventId: true, occurredAt: true } as const;

/** An event as it is posted: eventId and occurredAt both given, or both left out and filled in. */
export const newEventSchema = z
  .discriminatedUnion('eventType', [
    EVENT_SCHEMAS.UserCreated.partial(MAY_BE_FILLED_IN),
    EVENT_SCHEMAS.OrderPlaced.partial(MAY_BE_FILLED_IN),
    EVENT_SCHEMAS.PaymentSettled.partial(MAY_BE_FILLED_IN),
    EVENT_SCHEMAS.InventoryAdjusted.partial(MAY_BE_FILLED_IN),
  ])
  .refine(
    (event) => (event.eventId === undefined) === (event.occurredAt === undefined),
    'eventId and occurredAt must both be given or both be left out',
  )
  .meta({
    description: 'An event; eventId and occurredAt are both given, or both filled in',
    examples: EVENT_TYPES.map((eventType) => exampleEvent(eventType)),
  });

/**
 * Fills in both eventId and occurredAt of an event that has neither. An event with only one of them stays as it is and
 * fails its check: with an id but a new time on every attempt it would conflict with itself when sent again.
 */
export function withIdentity(value: unknown, identity: EventIdentity): unknown {
  if (!isObject(value) || value['eventId'] !== undefined || value['occurredAt'] !== undefined) return value;
  return { ...value, ...identity };
}

/** A valid event of the type, for documentation. */
export function exampleEvent<T extends EventType>(eventType: T) {
  return {
    eventId: `0198f6d2-7c1e-7d5e-9a52-3f0a4d1c2b${EVENT_TYPES.indexOf(eventType)}a`,
    eventType,
    version: 1,
    occurredAt: '2026-11-20T10:15:30.123Z',
    payload: examplePayload(eventType),
  };
}
