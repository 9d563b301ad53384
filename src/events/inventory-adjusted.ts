import { z } from 'zod';
import { identifier } from './identifier.ts';
import { text } from './text.ts';

const MAX_DELTA = 1_000_000_000;
const DELTA = `must be an integer from -${MAX_DELTA} to ${MAX_DELTA}, not 0`;

const delta = z
  .int(DELTA)
  .min(-MAX_DELTA, DELTA)
  .max(MAX_DELTA, DELTA)
  .refine((change) => change !== 0, DELTA);

const payload = z.object({ sku: identifier, delta, reason: text(200) }, 'must be an object');

export type InventoryAdjustedPayload = Readonly<z.output<typeof payload>>;
export type InventoryRow = InventoryAdjustedPayload;

/** Stock of an article went up or down; deltas add up in any order. */
export const inventoryAdjusted = {
  eventType: 'InventoryAdjusted',
  payload,
  entityField: 'sku',
  key: ({ sku }: InventoryAdjustedPayload): string => sku,
  toRow: (adjustment: InventoryAdjustedPayload): InventoryRow => adjustment,
  example: { sku: 'MUG-350', delta: 240, reason: 'delivery' },
} as const;
