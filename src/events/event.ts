import { type InventoryAdjustedPayload, type InventoryRow, inventoryAdjusted } from './inventory-adjusted.ts';
import { type OrderPlacedPayload, type OrderRow, orderPlaced } from './order-placed.ts';
import { type PaymentRow, type PaymentSettledPayload, paymentSettled } from './payment-settled.ts';
import { type UserCreatedPayload, type UserRow, userCreated } from './user-created.ts';

interface Payloads {
  readonly UserCreated: UserCreatedPayload;
  readonly OrderPlaced: OrderPlacedPayload;
  readonly PaymentSettled: PaymentSettledPayload;
  readonly InventoryAdjusted: InventoryAdjustedPayload;
}

interface Rows {
  readonly UserCreated: UserRow;
  readonly OrderPlaced: OrderRow;
  readonly PaymentSettled: PaymentRow;
  readonly InventoryAdjusted: InventoryRow;
}

export type EventType = keyof Payloads;

export const EVENT_TYPES = [
  'UserCreated',
  'OrderPlaced',
  'PaymentSettled',
  'InventoryAdjusted',
] as const satisfies readonly EventType[];

/** What all types have in common once an event is decoded. */
export interface EventHeader {
  readonly eventId: string;
  readonly version: 1;
  /** 'YYYY-MM-DDTHH:mm:ss.SSSZ', UTC. */
  readonly occurredAt: string;
}

/** A type with its payload: validated, money as plain decimal text, ids as text, integers as numbers. */
export type Content<T extends EventType = EventType> = {
  [K in T]: { readonly eventType: K; readonly payload: Payloads[K] };
}[T];

/** A decoded event. `bodyHash` is base64 (see bodyHash), `traceparent` the W3C header of the record if it had one. */
export type EventOf<T extends EventType = EventType> = {
  [K in T]: EventHeader & {
    readonly eventType: K;
    readonly payload: Payloads[K];
    readonly bodyHash: string;
    readonly traceparent: string | null;
  };
}[T];

export type UserCreated = EventOf<'UserCreated'>;
export type OrderPlaced = EventOf<'OrderPlaced'>;
export type PaymentSettled = EventOf<'PaymentSettled'>;
export type InventoryAdjusted = EventOf<'InventoryAdjusted'>;
export type Event = UserCreated | OrderPlaced | PaymentSettled | InventoryAdjusted;

interface Definition<T extends EventType> {
  readonly eventType: T;
  readonly entityField: string & keyof Payloads[T];
  readonly key: (payload: Payloads[T]) => string;
  readonly toRow: (payload: Payloads[T]) => Rows[T];
  readonly example: Payloads[T];
}

const DEFINITIONS: { readonly [T in EventType]: Definition<T> } = {
  UserCreated: userCreated,
  OrderPlaced: orderPlaced,
  PaymentSettled: paymentSettled,
  InventoryAdjusted: inventoryAdjusted,
};

export function isEventType(value: unknown): value is EventType {
  return EVENT_TYPES.some((eventType) => eventType === value);
}

/** The field of the payload that names the entity which the event changes. */
export function entityField(eventType: EventType): string {
  return DEFINITIONS[eventType].entityField;
}

/** The entity that the event changes: userId, orderId, paymentId or sku. */
export function entityId(event: Content): string {
  switch (event.eventType) {
    case 'UserCreated':
      return event.payload.userId;
    case 'OrderPlaced':
      return event.payload.orderId;
    case 'PaymentSettled':
      return event.payload.paymentId;
    case 'InventoryAdjusted':
      return event.payload.sku;
  }
}

/** The key of the event's record, which decides its partition: userId, orderId (of payments too) or sku. */
export function recordKey<T extends EventType>(event: Content<T>): string {
  return DEFINITIONS[event.eventType].key(event.payload);
}

/** The values that the database's routine gets for the event. */
export function toRow<T extends EventType>(event: Content<T>): Rows[T] {
  return DEFINITIONS[event.eventType].toRow(event.payload);
}

/** A valid payload of the type, for documentation. */
export function examplePayload<T extends EventType>(eventType: T): Payloads[T] {
  return DEFINITIONS[eventType].example;
}
