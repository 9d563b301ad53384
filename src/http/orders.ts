import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Reads } from '../reads.ts';
import { json } from './openapi.ts';
import { idParameter, idText, instantText, moneyText } from './parameters.ts';
import { HttpProblem } from './problem.ts';

export const currencyText = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .meta({ example: 'EUR' });
export const paymentStatusText = z.enum(['UNPAID', 'PARTIALLY_PAID', 'PAID', 'OVERPAID']);

const order = z
  .object({
    orderId: idText,
    userId: idText,
    currency: currencyText,
    totalAmount: moneyText,
    placedAt: instantText,
    items: z.array(z.object({ sku: idText, quantity: z.int(), unitPrice: moneyText })).readonly(),
    payments: z
      .array(
        z.object({
          paymentId: idText,
          amount: moneyText,
          currency: currencyText,
          method: z.string(),
          settledAt: instantText,
        }),
      )
      .readonly(),
    amountPaid: z
      .string()
      .regex(/^\d+\.\d{2,4}$/)
      .meta({ description: "The sum of the payments in the order's currency", example: '19.90' }),
    paymentStatus: paymentStatusText,
  })
  .openapi('Order');

const orderRoute = createRoute({
  method: 'get',
  path: '/orders/{id}',
  tags: ['reads'],
  summary: 'An order with its items and payments',
  request: { params: idParameter },
  responses: { 200: json('The order', order) },
});

/** Orders with what belongs to them; amountPaid and paymentStatus are computed by the store on reading. */
export function orderRoutes(api: OpenAPIHono, reads: Pick<Reads, 'order'>): void {
  api.openapi(orderRoute, async (c) => {
    const found = await reads.order(c.req.valid('param').id);
    if (found === null) throw new HttpProblem(404, 'There is no such order.');
    return c.json(found, 200);
  });
}
