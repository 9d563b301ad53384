import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { isIdentifier } from '../events/index.ts';
import type { Reads } from '../reads.ts';
import { decodeCursor, page } from './cursor.ts';
import { json } from './openapi.ts';
import { currencyText, paymentStatusText } from './orders.ts';
import { idParameter, idText, instantText, moneyText, pageOf, pageParameters } from './parameters.ts';
import { HttpProblem } from './problem.ts';

const orderSummary = z
  .object({
    orderId: idText,
    currency: currencyText,
    totalAmount: moneyText,
    placedAt: instantText,
    paymentStatus: paymentStatusText,
  })
  .openapi('OrderSummary');

const user = z
  .object({
    userId: idText,
    email: z.string(),
    name: z.string(),
    createdAt: instantText,
    recentOrders: z.array(orderSummary).max(5).readonly(),
  })
  .openapi('User');

const userRoute = createRoute({
  method: 'get',
  path: '/users/{id}',
  tags: ['reads'],
  summary: 'A user with the last five orders',
  request: { params: idParameter },
  responses: { 200: json('The user', user) },
});

const ordersRoute = createRoute({
  method: 'get',
  path: '/users/{id}/orders',
  tags: ['reads'],
  summary: 'All orders of a user, newest first',
  request: { params: idParameter, query: pageParameters },
  responses: { 200: json('A page of orders', pageOf(orderSummary).openapi('OrderPage')) },
});

/** Users and their orders. Throws 404 for a user that was never applied, however many orders wait for them. */
export function userRoutes(api: OpenAPIHono, reads: Pick<Reads, 'user' | 'ordersOfUser'>): void {
  api.openapi(userRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(known(await reads.user(id)), 200);
  });
  api.openapi(ordersRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { limit, cursor } = c.req.valid('query');
    const after = cursor === undefined ? null : decodeCursor('orders', cursor, isIdentifier);
    const orders = known(await reads.ordersOfUser(id, { limit: limit + 1, after }));
    const keyOf = (order: (typeof orders)[number]) => ({ at: order.placedAt, id: order.orderId });
    return c.json(page(orders, { limit, listing: 'orders' }, keyOf), 200);
  });
}

function known<T>(found: T | null): T {
  if (found === null) throw new HttpProblem(404, 'There is no such user.');
  return found;
}
