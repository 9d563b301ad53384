import type { LetterState, LetterSummary } from './dead-letters.ts';
import type { EventType, Reason } from './events/index.ts';

/** Shapes as the API answers them. Money is text ("5.00"), times are RFC 3339 UTC with milliseconds. */

export type PaymentStatus = 'UNPAID' | 'PARTIALLY_PAID' | 'PAID' | 'OVERPAID';

export interface OrderSummary {
  readonly orderId: string;
  readonly currency: string;
  readonly totalAmount: string;
  readonly placedAt: string;
  readonly paymentStatus: PaymentStatus;
}

export interface UserView {
  readonly userId: string;
  readonly email: string;
  readonly name: string;
  readonly createdAt: string;
  /** The last 5 by placedAt, newest first. */
  readonly recentOrders: readonly OrderSummary[];
}

export interface OrderView extends OrderSummary {
  readonly userId: string;
  readonly items: ReadonlyArray<{ readonly sku: string; readonly quantity: number; readonly unitPrice: string }>;
  readonly payments: ReadonlyArray<{
    readonly paymentId: string;
    readonly amount: string;
    readonly currency: string;
    readonly method: string;
    readonly settledAt: string;
  }>;
  readonly amountPaid: string;
}

export interface InventoryView {
  readonly sku: string;
  /** A bigint as text where it is beyond 2^53 - 1, a number otherwise. */
  readonly quantity: number | string;
  readonly lastAdjustedAt: string;
}

/** A row of the ledger. */
export interface ProcessedEvent {
  readonly eventId: string;
  readonly eventType: EventType;
  readonly entityId: string;
  readonly outcome: 'applied' | 'stale';
  readonly occurredAt: string;
  readonly processedAt: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** Where is my event: the ledger decides, then the newest open letter, then the newest closed one. */
export interface EventStatus {
  readonly eventId: string;
  readonly eventType: string | null;
  readonly status: 'applied' | 'stale' | LetterState;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly occurredAt: string | null;
  readonly processedAt: string | null;
  readonly reason: Reason | null;
  readonly deadLetters: readonly LetterSummary[];
}

/** A keyset: items strictly after (at, id) in the listing's order. */
export interface Keyset {
  readonly at: string;
  readonly id: string;
}

export interface Reads {
  user(userId: string): Promise<UserView | null>;
  /** Newest placedAt first; null if the user does not exist. */
  ordersOfUser(userId: string, page: { limit: number; after: Keyset | null }): Promise<OrderSummary[] | null>;
  order(orderId: string): Promise<OrderView | null>;
  inventory(sku: string): Promise<InventoryView | null>;
  event(eventId: string): Promise<EventStatus | null>;
  /** Newest processedAt first. */
  processedEvents(
    filter: { eventType?: EventType },
    page: { limit: number; after: Keyset | null },
  ): Promise<ProcessedEvent[]>;
}
