import { canonicalRows, type InventoryRow, type Rows } from './dump.ts';
import { type Arrival, isNewer, type ModelEvent } from './model-event.ts';

/**
 * The rows of a history once everything has settled: every parent that comes has come, every retry is done. Arrival
 * order does not matter. Throws where the contract leaves a choice (two bodies under one id, or two users naming one
 * e-mail): there checkDump verifies a dump instead.
 */
export function expectedRows(arrivals: Iterable<Arrival>): Rows {
  const events = distinctEvents(arrivals);
  refuseEmailRivalry(events);
  return foldEvents([...events.values()], (parent, existing) => existing.has(parent));
}

/**
 * The rows that a set of events makes. `admits` decides about a parent, given the entities that exist so far: users are
 * folded before orders, orders before payments.
 */
export function foldEvents(
  events: readonly ModelEvent[],
  admits: (parent: string, existing: ReadonlyMap<string, ModelEvent>) => boolean,
): Rows {
  const of = (table: string) => events.filter((event) => event.effect.table === table);
  const winners = new Map<string, ModelEvent>();
  for (const event of [...of('users'), ...of('orders'), ...of('payments')]) {
    if (event.parent !== null && !admits(event.parent, winners)) continue;
    const rival = winners.get(event.entity);
    if (rival === undefined || isNewer(event, rival)) winners.set(event.entity, event);
  }
  return canonicalRows({ ...rowsOf(winners.values()), inventory: inventoryRows(of('inventory')) });
}

function rowsOf(winners: Iterable<ModelEvent>): Omit<Rows, 'inventory'> {
  const effects = [...winners].map((event) => event.effect);
  const orders = effects.filter((effect) => effect.table === 'orders');
  return {
    users: effects.filter((effect) => effect.table === 'users').map((effect) => effect.row),
    orders: orders.map((effect) => effect.row),
    items: orders.flatMap((effect) => effect.items),
    payments: effects.filter((effect) => effect.table === 'payments').map((effect) => effect.row),
  };
}

function inventoryRows(adjustments: readonly ModelEvent[]): InventoryRow[] {
  const sums = new Map<string, { quantity: bigint; lastAdjustedAt: string }>();
  for (const { effect, occurredAt } of adjustments) {
    if (effect.table !== 'inventory') continue;
    const sum = sums.get(effect.sku) ?? { quantity: 0n, lastAdjustedAt: occurredAt };
    sum.quantity += effect.delta;
    if (occurredAt > sum.lastAdjustedAt) sum.lastAdjustedAt = occurredAt;
    sums.set(effect.sku, sum);
  }
  return [...sums].map(([sku, sum]) => ({ sku, ...sum, quantity: sum.quantity.toString() }));
}

function distinctEvents(arrivals: Iterable<Arrival>): Map<string, ModelEvent> {
  const events = new Map<string, ModelEvent>();
  for (const arrival of arrivals) {
    if ('rejected' in arrival) continue;
    const known = events.get(arrival.event.eventId);
    if (known !== undefined && known.body !== arrival.event.body) {
      throw new Error(`two bodies under id ${known.eventId}: which one wins is open`);
    }
    events.set(arrival.event.eventId, arrival.event);
  }
  return events;
}

function refuseEmailRivalry(events: ReadonlyMap<string, ModelEvent>): void {
  const holders = new Map<string, string>();
  for (const { effect } of events.values()) {
    if (effect.table !== 'users') continue;
    const holder = holders.get(effect.emailKey) ?? effect.row.userId;
    if (holder !== effect.row.userId) {
      throw new Error(`users ${holder} and ${effect.row.userId} name one e-mail: who holds it is open`);
    }
    holders.set(effect.emailKey, holder);
  }
}
