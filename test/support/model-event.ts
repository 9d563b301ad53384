import { createHash } from 'node:crypto';
import { fourDecimals, type ItemRow, type OrderRow, type PaymentRow, type UserRow } from './dump.ts';

/** What an event does to the tables, as rows of a dump. */
export type Effect =
  | { readonly table: 'users'; readonly row: UserRow; readonly emailKey: string }
  | { readonly table: 'orders'; readonly row: OrderRow; readonly items: readonly ItemRow[] }
  | { readonly table: 'payments'; readonly row: PaymentRow }
  | { readonly table: 'inventory'; readonly sku: string; readonly delta: bigint };

/** A valid event, read by rules of its own: nothing here is shared with the service. */
export interface ModelEvent {
  readonly eventId: string;
  /** "user:u1", "order:o1", "payment:p1" or "sku:s1". */
  readonly entity: string;
  /** RFC 3339 UTC with milliseconds, so that text order is time order. */
  readonly occurredAt: string;
  /** "user:u1" or "order:o1": what must exist first. */
  readonly parent: string | null;
  /** Equal for equal bodies. */
  readonly body: string;
  readonly effect: Effect;
}

/**
 * A record that arrived: an event, or bytes that must end as a dead letter with the reason `rejected`.
 * `letterId` ("topic:partition:offset") is the id its letter has if it gets one; without it two bodies under one id can
 * be told apart only by trying both.
 */
export type Arrival =
  | { readonly event: ModelEvent; readonly letterId?: string }
  | { readonly rejected: string; readonly letterId?: string };

/** An event as JSON gives it. Money is text or a number. */
export interface EventJson {
  readonly eventId: string;
  readonly eventType: string;
  readonly version?: number;
  readonly occurredAt: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Of a record that was sent: `rejected` is the reason it must be rejected for, none for a valid event. */
export function arrivalOf(
  record: { readonly value: string | Uint8Array | null; readonly rejected?: string },
  letterId?: string,
): Arrival {
  const position = letterId === undefined ? {} : { letterId };
  if (record.rejected !== undefined) return { rejected: record.rejected, ...position };
  return { event: readEvent(record.value ?? ''), ...position };
}

/** Of a valid event's JSON text. */
export function readEvent(value: string | Uint8Array): ModelEvent {
  const text = typeof value === 'string' ? value : new TextDecoder().decode(value);
  return modelEvent(JSON.parse(text) as EventJson);
}

export function modelEvent(json: EventJson): ModelEvent {
  const stamp = { occurredAt: instant(json.occurredAt), eventId: json.eventId };
  return { ...stamp, ...meaning(json, stamp), body: bodyOf(json) };
}

/** Whether `a` is newer than `b`: by time, then by id in code-unit order. */
export function isNewer(a: Stamp, b: Stamp): boolean {
  return a.occurredAt === b.occurredAt ? a.eventId > b.eventId : a.occurredAt > b.occurredAt;
}

/** E-mails with equal keys are one e-mail. */
export function emailKeyOf(email: string): string {
  return email.toLowerCase().normalize('NFC');
}

interface Stamp {
  readonly occurredAt: string;
  readonly eventId: string;
}

function meaning({ eventType, payload }: EventJson, stamp: Stamp): Pick<ModelEvent, 'entity' | 'parent' | 'effect'> {
  const text = (name: string) => String(payload[name]);
  const money = (name: string) => fourDecimals(text(name));
  switch (eventType) {
    case 'UserCreated': {
      const row = { userId: text('userId'), email: text('email'), name: text('name'), ...stamp };
      const effect = { table: 'users', row, emailKey: emailKeyOf(row.email) } as const;
      return { entity: `user:${row.userId}`, parent: null, effect };
    }
    case 'OrderPlaced': {
      const [orderId, userId] = [text('orderId'), text('userId')];
      const row = { orderId, userId, currency: text('currency'), totalAmount: money('totalAmount'), ...stamp };
      const effect = { table: 'orders', row, items: itemRows(orderId, payload['items']) } as const;
      return { entity: `order:${orderId}`, parent: `user:${userId}`, effect };
    }
    case 'PaymentSettled': {
      const [paymentId, orderId] = [text('paymentId'), text('orderId')];
      const amounts = { amount: money('amount'), currency: text('currency'), method: text('method') };
      const effect = { table: 'payments', row: { paymentId, orderId, ...amounts, ...stamp } } as const;
      return { entity: `payment:${paymentId}`, parent: `order:${orderId}`, effect };
    }
    case 'InventoryAdjusted': {
      const effect = { table: 'inventory', sku: text('sku'), delta: BigInt(text('delta')) } as const;
      return { entity: `sku:${effect.sku}`, parent: null, effect };
    }
    default:
      throw new Error(`${stamp.eventId} is no valid event: type ${eventType}`);
  }
}

function itemRows(orderId: string, items: unknown): ItemRow[] {
  return (items as Array<{ sku: string; quantity: number; unitPrice: string | number }>).map((item, index) => ({
    orderId,
    lineNo: String(index + 1),
    sku: item.sku,
    quantity: String(item.quantity),
    unitPrice: fourDecimals(String(item.unitPrice)),
  }));
}

/** Cut, not rounded, to the millisecond: Date.parse's treatment of longer fractions is not specified. */
function instant(occurredAt: string): string {
  const match = /^(.{19})(?:\.(\d+))?(z|[+-]\d\d:\d\d)$/i.exec(occurredAt);
  if (match === null) throw new Error(`not an RFC 3339 time: ${occurredAt}`);
  const [, seconds, fraction = '', zone] = match;
  return new Date(`${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`.toUpperCase()).toISOString();
}

/** A digest, because a run of a million events must fit into memory. */
function bodyOf({ eventType, version = 1, occurredAt, payload }: EventJson): string {
  const canonical = JSON.stringify(sorted({ eventType, version, occurredAt, payload }));
  return createHash('sha1').update(canonical).digest('base64');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => [name, sorted(inner)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
