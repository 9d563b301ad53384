import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Reads } from '../reads.ts';
import { json } from './openapi.ts';
import { idText, instantText } from './parameters.ts';
import { HttpProblem } from './problem.ts';

const inventory = z
  .object({
    sku: idText,
    quantity: z
      .union([z.int(), z.string().regex(/^-?\d{16,19}$/)])
      .meta({ description: 'Text beyond 2^53, where a JSON number would be altered; may be negative for a while' }),
    lastAdjustedAt: instantText,
  })
  .openapi('Inventory');

const inventoryRoute = createRoute({
  method: 'get',
  path: '/inventory/{sku}',
  tags: ['reads'],
  summary: 'How many of an article there are',
  request: { params: z.object({ sku: idText }) },
  responses: { 200: json('The article', inventory) },
});

/** Stock, which orders do not touch: it is the sum of the adjustments alone. */
export function inventoryRoutes(api: OpenAPIHono, reads: Pick<Reads, 'inventory'>): void {
  api.openapi(inventoryRoute, async (c) => {
    const found = await reads.inventory(c.req.valid('param').sku);
    if (found === null) throw new HttpProblem(404, 'There is no such article.');
    return c.json(found, 200);
  });
}
