import { z } from 'zod';
import { identifier } from './identifier.ts';
import { amount, currency } from './money.ts';

const QUANTITY = 'must be an integer from 1 to 1000000';
const ITEMS = 'must be a list of 1 to 500 items';

const item = z.object(
  {
    sku: identifier,
    quantity: z.int(QUANTITY).min(1, QUANTITY).max(1_000_000, QUANTITY),
    unitPrice: amount,
  },
  'must be an object',
);

/** totalAmount is not checked against the items: tax, shipping and discounts are not among them. */
const payload = z.object(
  {
    orderId: identifier,
    userId: identifier,
    currency,
    totalAmount: amount,
    items: z.array(item, ITEMS).min(1, ITEMS).max(500, ITEMS),
  },
  'must be an object',
);

type Payload = z.output<typeof payload>;

export type OrderItem = Readonly<Payload['items'][number]>;
export type OrderPlacedPayload = Readonly<Omit<Payload, 'items'>> & { readonly items: readonly OrderItem[] };
export type OrderRow = OrderPlacedPayload;

/** An order was placed, or replaced with all of its items. */
export const orderPlaced = {
  eventType: 'OrderPlaced',
  payload,
  entityField: 'orderId',
  key: ({ orderId }: OrderPlacedPayload): string => orderId,
  toRow: (order: OrderPlacedPayload): OrderRow => order,
  example: {
    orderId: 'order-1',
    userId: 'user-1',
    currency: 'EUR',
    totalAmount: '59.97',
    items: [
      { sku: 'MUG-350', quantity: 2, unitPrice: '12.49' },
      { sku: 'TEAPOT-1', quantity: 1, unitPrice: '34.99' },
    ],
  },
} as const;
