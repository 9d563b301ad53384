import fc from 'fast-check';
import { type Arrival, arrivalOf, type EventJson } from './model-event.ts';

/** A record of a history: `offset` in its partition, `value` JSON text. */
export interface HistoryRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string;
}

/** One batch: the next stretch of a partition, 1 to 8 records. */
export interface HistoryBatch {
  readonly partition: number;
  readonly records: readonly HistoryRecord[];
}

/** Batches in the order in which they are to be applied; each partition's records are complete and begin at 0. */
export type History = readonly HistoryBatch[];

export interface HistoryOptions {
  /** Users take one another's e-mails. Without it, each has e-mails of its own. */
  readonly emailRivalry: boolean;
  /** Some events come under the id of another one. */
  readonly conflicts: boolean;
}

export const HISTORY_PARTITIONS = 3;

const LONGEST_BATCH = 8;
const USERS = ['u1', 'u2', 'u3'];
const ORDERS = ['o1', 'o2', 'o3'];
const PAYMENTS = ['p1', 'p2', 'p3'];
const SKUS = ['s1', 's2'];

/**
 * Histories over so few ids that everything meets: several versions of an entity, equal times, parents that come late
 * or never, adjustments that must be counted once, and every event possibly again in any partition. They shrink towards
 * few events, one partition and one batch.
 */
export function historyArbitrary(options: HistoryOptions): fc.Arbitrary<History> {
  const arrivals = fc.array(fc.record({ what: step(options), partition: partition() }), {
    minLength: 1,
    maxLength: 30,
  });
  const turn = fc.record({ partition: partition(), size: fc.integer({ min: 1, max: LONGEST_BATCH }) });
  return fc
    .tuple(arrivals, fc.array(turn, { maxLength: 30 }))
    .map(([steps, turns]) => interleave(intoPartitions(recordsOf(steps.map(({ what }) => what)), steps), turns));
}

/** In the order of application; `letterId` gives the id that a letter of the record at a position has. */
export function arrivalsOf(history: History, letterId: (partition: number, offset: number) => string): Arrival[] {
  return history.flatMap(({ partition, records }) =>
    records.map((record) => arrivalOf(record, letterId(partition, record.offset))),
  );
}

/** A new event, an earlier one again, or a new one under the id of an earlier one; `of` is taken modulo what there is. */
type Step =
  | { readonly kind: 'event'; readonly event: EventJson; readonly keyed: boolean }
  | { readonly kind: 'again'; readonly of: number }
  | { readonly kind: 'conflict'; readonly of: number; readonly event: EventJson };

function step({ emailRivalry, conflicts }: HistoryOptions): fc.Arbitrary<Step> {
  const event = eventArbitrary(emailRivalry);
  const fresh = fc.record({ kind: fc.constant('event' as const), event, keyed: fc.boolean() });
  const again = fc.record({ kind: fc.constant('again' as const), of: fc.nat(100) });
  const conflict = fc.record({ kind: fc.constant('conflict' as const), of: fc.nat(100), event });
  return fc.oneof(
    { arbitrary: fresh, weight: 8 },
    { arbitrary: again, weight: 2 },
    ...(conflicts ? [{ arbitrary: conflict, weight: 1 }] : []),
  );
}

/** The event id is a prefix only; its number is added when the history is put together. */
function eventArbitrary(emailRivalry: boolean): fc.Arbitrary<EventJson> {
  return fc
    .record({
      // A collation that ignores case, or sorts it otherwise than by code unit, breaks ties the other way round.
      eventId: fc.constantFrom('e', 'E', 'f', '1'),
      occurredAt: occurredAt(),
      content: fc.oneof(userCreated(emailRivalry), orderPlaced(), paymentSettled(), inventoryAdjusted()),
    })
    .map(({ content, ...stamp }) => ({ ...stamp, version: 1, ...content }));
}

/** Few moments, so that times are often equal, in several ways to write one. */
function occurredAt(): fc.Arbitrary<string> {
  const writing = fc.constantFrom('.250Z', '.2509999Z', '.25+00:00', 'Z');
  return fc.tuple(fc.nat(4), writing).map(([second, rest]) => `2025-10-26T00:59:5${second}${rest}`);
}

function userCreated(emailRivalry: boolean) {
  const local = emailRivalry ? fc.constantFrom('a', 'b', 'c') : fc.constantFrom('own', 'other');
  return fc
    .record({ userId: fc.constantFrom(...USERS), local, capitals: fc.boolean(), name: name() })
    .map(({ userId, local, capitals, name }) => {
      const email = emailRivalry ? `${local}@example.com` : `${userId}.${local}@example.com`;
      const payload = { userId, email: capitals ? email.toUpperCase() : email, name };
      return { eventType: 'UserCreated', payload };
    });
}

function orderPlaced() {
  const item = fc.record({
    sku: fc.constantFrom(...SKUS),
    quantity: fc.integer({ min: 1, max: 3 }),
    unitPrice: fc.constantFrom<string | number>('0', '5.00', 19.9999),
  });
  return fc
    .record({
      orderId: fc.constantFrom(...ORDERS),
      userId: fc.constantFrom(...USERS),
      currency: fc.constantFrom('EUR', 'USD'),
      totalAmount: fc.constantFrom<string | number>('0', '10.00', '999999999999999.9999', 7.5),
      items: fc.array(item, { minLength: 1, maxLength: 3 }),
    })
    .map((payload) => ({ eventType: 'OrderPlaced', payload }));
}

function paymentSettled() {
  return fc
    .record({
      paymentId: fc.constantFrom(...PAYMENTS),
      orderId: fc.constantFrom(...ORDERS),
      amount: fc.constantFrom<string | number>('0.0001', '10', 2.5),
      currency: fc.constantFrom('EUR', 'USD'),
      method: fc.constantFrom('card', 'invoice'),
    })
    .map((payload) => ({ eventType: 'PaymentSettled', payload }));
}

function inventoryAdjusted() {
  return fc
    .record({ sku: fc.constantFrom(...SKUS), delta: fc.constantFrom(1, -1, 2, -3, 1_000_000_000), reason: name() })
    .map((payload) => ({ eventType: 'InventoryAdjusted', payload }));
}

function name() {
  return fc.constantFrom('Ada', 'Zoë', 'José', '李 小龍', "O'Brien; --", '\u{1f600}');
}

function partition() {
  return fc.nat(HISTORY_PARTITIONS - 1);
}

/** A repetition before the first event has nothing to repeat and gives null. */
function recordsOf(steps: readonly Step[]): Array<Omit<HistoryRecord, 'offset'> | null> {
  const sent: Array<{ eventId: string; record: Omit<HistoryRecord, 'offset'> }> = [];
  return steps.map((step, number) => {
    const earlier = step.kind === 'event' ? undefined : sent[step.of % Math.max(1, sent.length)];
    if (step.kind === 'again') return earlier?.record ?? null;
    const eventId = earlier?.eventId ?? `${step.event.eventId}-${number}`;
    const event = { ...step.event, eventId };
    const keyed = step.kind === 'event' && step.keyed;
    const record = { key: keyed ? keyOf(event) : null, value: JSON.stringify(event) };
    sent.push({ eventId, record });
    return record;
  });
}

function keyOf({ eventType, payload }: EventJson): string {
  const field = { UserCreated: 'userId', InventoryAdjusted: 'sku' }[eventType] ?? 'orderId';
  return String(payload[field]);
}

function intoPartitions(
  records: ReadonlyArray<Omit<HistoryRecord, 'offset'> | null>,
  steps: ReadonlyArray<{ readonly partition: number }>,
): HistoryRecord[][] {
  const partitions: HistoryRecord[][] = Array.from({ length: HISTORY_PARTITIONS }, () => []);
  records.forEach((record, n) => {
    const own = partitions[steps[n]?.partition ?? 0];
    if (record !== null) own?.push({ offset: own.length, ...record });
  });
  return partitions;
}

/** Takes the turns, then what is left of each partition. */
function interleave(
  partitions: ReadonlyArray<readonly HistoryRecord[]>,
  turns: ReadonlyArray<{ readonly partition: number; readonly size: number }>,
): History {
  const position = partitions.map(() => 0);
  const rest = partitions.flatMap((records, partition) =>
    Array.from({ length: Math.ceil(records.length / LONGEST_BATCH) }, () => ({ partition, size: LONGEST_BATCH })),
  );
  return [...turns, ...rest]
    .map(({ partition, size }) => {
      const from = position[partition] ?? 0;
      position[partition] = from + size;
      return { partition, records: (partitions[partition] ?? []).slice(from, from + size) };
    })
    .filter(({ records }) => records.length > 0);
}
