import { happens, oneOf, pick } from '../random.ts';
import { type Draft, moneyText, type Planted } from './draft.ts';
import { type Order, type Payment, userId, type World } from './world.ts';

const SKUS = 1_000;
const A_DAY = 86_400_000;
const NAMES = [
  'Ada Lovelace',
  'Grace Hopper',
  'Zoë Ångström',
  'Łukasz Żak',
  '李 小龍',
  'Ольга Ладыженская',
  'Emmy Noether',
];
const METHODS = ['card', 'invoice', 'transfer', 'wallet'];

/** Under the e-mail that is the user's at this moment. */
export function userCreated(world: World, userNo: number, expect: Planted | null = null): Draft {
  const id = userId(world, userNo);
  const email = `user${world.emails[userNo] ?? userNo}.${world.tag}@example.com`;
  const payload = `{"userId":"${id}","email":"${email}","name":"${oneOf(world.random, NAMES)}"}`;
  return draftOf(world, 'UserCreated', id, payload, expect);
}

/** An order always has the same total; its items differ from one version to the next. */
export function orderPlaced(world: World, { orderId, userId, cents }: Order, expect: Planted | null = null): Draft {
  const items = Array.from({ length: 1 + pick(world.random, 4) }, () => {
    const price = moneyText(100 + pick(world.random, 50_000));
    return `{"sku":"${anySku(world)}","quantity":${1 + pick(world.random, 5)},"unitPrice":"${price}"}`;
  });
  const amount = `"currency":"EUR","totalAmount":"${moneyText(cents)}"`;
  const payload = `{"orderId":"${orderId}","userId":"${userId}",${amount},"items":[${items.join(',')}]}`;
  return draftOf(world, 'OrderPlaced', orderId, payload, expect);
}

/** In full, or half of it. */
export function paymentSettled(world: World, { paymentId, order }: Payment, expect: Planted | null = null): Draft {
  const cents = happens(world.random, 1 / 4) ? Math.ceil(order.cents / 2) : order.cents;
  const amount = `"amount":"${moneyText(cents)}","currency":"EUR","method":"${oneOf(world.random, METHODS)}"`;
  const payload = `{"paymentId":"${paymentId}","orderId":"${order.orderId}",${amount}}`;
  return draftOf(world, 'PaymentSettled', order.orderId, payload, expect);
}

export function inventoryAdjusted(world: World): Draft {
  const sku = anySku(world);
  const delta = (1 + pick(world.random, 20)) * (happens(world.random, 1 / 3) ? -1 : 1);
  return draftOf(world, 'InventoryAdjusted', sku, `{"sku":"${sku}","delta":${delta},"reason":"count"}`, null);
}

/** What is stale happened a day before everything else, give or take some minutes. */
function draftOf(world: World, eventType: string, key: string, payload: string, expect: Planted | null): Draft {
  const occurredAt = expect === 'stale' ? world.clock - A_DAY - pick(world.random, 600_000) : world.clock;
  return { key, eventId: world.newEventId(occurredAt), eventType, occurredAt, payload, expect };
}

function anySku(world: World): string {
  return `sku-${world.tag}-${pick(world.random, SKUS)}`;
}
