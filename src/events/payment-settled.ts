import { z } from 'zod';
import { identifier } from './identifier.ts';
import { currency, positiveAmount } from './money.ts';
import { text } from './text.ts';

const payload = z.object(
  { paymentId: identifier, orderId: identifier, amount: positiveAmount, currency, method: text(50) },
  'must be an object',
);

export type PaymentSettledPayload = Readonly<z.output<typeof payload>>;
export type PaymentRow = PaymentSettledPayload;

/** A payment went through, for all or a part of an order. */
export const paymentSettled = {
  eventType: 'PaymentSettled',
  payload,
  entityField: 'paymentId',
  /** The order's partition, not the payment's: it then usually arrives after its order. */
  key: ({ orderId }: PaymentSettledPayload): string => orderId,
  toRow: (payment: PaymentSettledPayload): PaymentRow => payment,
  example: { paymentId: 'payment-1', orderId: 'order-1', amount: '59.97', currency: 'EUR', method: 'card' },
} as const;
