import { createHash } from 'node:crypto';
import type { Content } from '../events/index.ts';

/** An event ready to be encoded; its payload keeps to the contract. */
export type SampleEvent = Content & {
  readonly eventId: string;
  readonly version: 1;
  readonly occurredAt: string;
};

/** When the first event happens. Not the clock: a seed sent again must give the same events, not conflicts of ids. */
const SAMPLE_EPOCH = Date.UTC(2026, 0, 1);

const FIRST_NAMES = ['Ada', 'Bo', 'Chloé', 'Dmitri', 'Eva', 'Farid', 'Grace', 'Hiro', 'Inés', 'Jonas', 'Kofi', 'Lena'];
const LAST_NAMES = ['Andersson', 'Baker', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'García', 'Haddad', 'Ito', 'Novák'];
/** Articles with their prices in cents. */
const ARTICLES = [
  { sku: 'MUG-350', cents: 1249 },
  { sku: 'TEAPOT-1', cents: 3499 },
  { sku: 'TEA-EARLGREY-100', cents: 895 },
  { sku: 'COFFEE-BEANS-1KG', cents: 2190 },
  { sku: 'GRINDER-HAND', cents: 5990 },
  { sku: 'FILTER-02-100', cents: 450 },
  { sku: 'KETTLE-GOOSENECK', cents: 7900 },
  { sku: 'SCALE-POCKET', cents: 2975 },
] as const;
const CURRENCIES = ['EUR', 'USD', 'GBP'] as const;
const METHODS = ['card', 'paypal', 'sepa-debit', 'invoice'] as const;
const ADJUSTMENTS = [
  { reason: 'delivery', sign: 1, most: 500 },
  { reason: 'sale', sign: -1, most: 12 },
  { reason: 'breakage', sign: -1, most: 3 },
  { reason: 'stocktaking', sign: 1, most: 5 },
] as const;

/** A whole number from 0 to `below` - 1. */
type Random = (below: number) => number;

interface UnpaidOrder {
  readonly orderId: string;
  readonly currency: string;
  cents: number;
}

/** What was made up so far. `tag` sets the entities of one seed apart from those of another. */
interface World {
  readonly random: Random;
  readonly tag: string;
  readonly users: string[];
  readonly unpaid: UnpaidOrder[];
  made: { orders: number; payments: number };
}

/**
 * A valid, related set: users, their orders of 1 to 4 items, payments of all or half of what is open, adjustments of
 * stock. Users come before their orders, orders before their payments. The same seed gives the same events, ids and
 * times included, and a smaller count gives the first of a larger one.
 */
export function sampleEvents({ count, seed }: { count: number; seed: string | number }): SampleEvent[] {
  const digest = createHash('sha256').update(String(seed)).digest();
  const random = seededRandom(digest);
  const world: World = {
    random,
    tag: digest.toString('hex', 16, 20),
    users: [],
    unpaid: [],
    made: { orders: 0, payments: 0 },
  };
  let occurredAt = SAMPLE_EPOCH;
  return Array.from({ length: count }, () => {
    const event = {
      eventId: uuidV7(occurredAt, random),
      version: 1 as const,
      occurredAt: new Date(occurredAt).toISOString(),
      ...nextContent(world),
    };
    occurredAt += 1 + random(3000);
    return event;
  });
}

function nextContent(world: World): Content {
  const dice = world.random(10);
  if (world.users.length === 0 || dice < 2) return newUser(world);
  if (dice < 5) return newOrder(world);
  const order = dice < 8 ? world.unpaid[world.random(world.unpaid.length)] : undefined;
  return order === undefined ? adjustment(world) : payment(world, order);
}

function newUser({ random, tag, users }: World): Content {
  const userId = `user-${tag}-${users.length + 1}`;
  const [first, last] = [pick(FIRST_NAMES, random), pick(LAST_NAMES, random)];
  users.push(userId);
  // The number keeps addresses apart: two users with one address would be a dead letter.
  const mailbox = `${first}.${last}.${users.length}`.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '');
  const email = `${mailbox}@${tag}.example.com`;
  return { eventType: 'UserCreated', payload: { userId, email, name: `${first} ${last}` } };
}

function newOrder({ random, tag, users, unpaid, made }: World): Content {
  const lines = Array.from({ length: 1 + random(4) }, () => ({ ...pick(ARTICLES, random), quantity: 1 + random(3) }));
  const cents = lines.reduce((sum, line) => sum + line.quantity * line.cents, 0);
  made.orders += 1;
  const orderId = `order-${tag}-${made.orders}`;
  const currency = pick(CURRENCIES, random);
  unpaid.push({ orderId, currency, cents });
  const items = lines.map(({ sku, quantity, cents }) => ({ sku, quantity, unitPrice: decimal(cents) }));
  const userId = pick(users, random);
  return { eventType: 'OrderPlaced', payload: { orderId, userId, currency, totalAmount: decimal(cents), items } };
}

function payment({ random, tag, unpaid, made }: World, order: UnpaidOrder): Content {
  const cents = random(3) === 0 ? Math.ceil(order.cents / 2) : order.cents;
  order.cents -= cents;
  if (order.cents === 0) unpaid.splice(unpaid.indexOf(order), 1);
  made.payments += 1;
  const { orderId, currency } = order;
  const paymentId = `payment-${tag}-${made.payments}`;
  const method = pick(METHODS, random);
  return { eventType: 'PaymentSettled', payload: { paymentId, orderId, amount: decimal(cents), currency, method } };
}

function adjustment({ random }: World): Content {
  const { reason, sign, most } = pick(ADJUSTMENTS, random);
  const { sku } = pick(ARTICLES, random);
  return { eventType: 'InventoryAdjusted', payload: { sku, delta: sign * (1 + random(most)), reason } };
}

function decimal(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}

function pick<T>(choices: readonly T[], random: Random): T {
  const choice = choices[random(choices.length)];
  if (choice === undefined) throw new RangeError('nothing to pick from');
  return choice;
}

/** As RFC 9562 has it, but from the seed and not from chance. */
function uuidV7(ms: number, random: Random): string {
  const hex = (digits: number, value: number) => value.toString(16).padStart(digits, '0');
  const time = hex(12, ms);
  const variant = hex(4, 0x8000 + random(0x4000));
  const node = hex(6, random(0x1000000)) + hex(6, random(0x1000000));
  return `${time.slice(0, 8)}-${time.slice(8)}-${hex(4, 0x7000 + random(0x1000))}-${variant}-${node}`;
}

/** sfc32, from PractRand: four words of state, the first 16 bytes of a digest. */
function seededRandom(digest: Buffer): Random {
  let [a, b, c, counter] = [0, 4, 8, 12].map((at) => digest.readInt32LE(at)) as [number, number, number, number];
  return (below) => {
    const word = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    return Math.floor(((word >>> 0) / 2 ** 32) * below);
  };
}
