import { z } from 'zod';
import { EVENT_TYPES, type EventType, isEventType } from './event.ts';
import { eventIdentifier } from './identifier.ts';
import { instant } from './instant.ts';
import { inventoryAdjusted } from './inventory-adjusted.ts';
import { orderPlaced } from './order-placed.ts';
import { paymentSettled } from './payment-settled.ts';
import { userCreated } from './user-created.ts';

const NOT_AN_EVENT = 'must be a JSON object { eventId, eventType, version, occurredAt, payload }';

const version = z
  .literal(1, 'must be 1, the only version there is')
  .default(1)
  .meta({ description: 'Version of the payload', examples: [1] });

/** Unknown fields are ignored at every level, so that producers may add some before this service knows them. */
function eventSchema<T extends EventType, P extends z.ZodType>(definition: { eventType: T; payload: P }) {
  return z.object(
    {
      eventId: eventIdentifier,
      eventType: z.literal(definition.eventType),
      version,
      occurredAt: instant,
      payload: definition.payload,
    },
    NOT_AN_EVENT,
  );
}

/** One schema per type for the whole event. Built once: building costs a thousand times what checking does. */
export const EVENT_SCHEMAS = {
  UserCreated: eventSchema(userCreated),
  OrderPlaced: eventSchema(orderPlaced),
  PaymentSettled: eventSchema(paymentSettled),
  InventoryAdjusted: eventSchema(inventoryAdjusted),
} as const;

export type ParsedEvent = z.output<(typeof EVENT_SCHEMAS)[EventType]>;

/** What is known of an event whose type is not. */
const FOREIGN_SCHEMA = z.object(
  {
    eventId: eventIdentifier,
    eventType: z
      .string('must be a text')
      .refine(isEventType, { error: `must be one of ${EVENT_TYPES.join(', ')}`, params: { unknownType: true } }),
    version,
    occurredAt: instant,
    payload: z.custom<object>(isObject, 'must be an object'),
  },
  NOT_AN_EVENT,
);

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The schema that a received value is held against. */
export function schemaFor(value: unknown) {
  const eventType = isObject(value) ? value['eventType'] : undefined;
  return isEventType(eventType) ? EVENT_SCHEMAS[eventType] : FOREIGN_SCHEMA;
}
