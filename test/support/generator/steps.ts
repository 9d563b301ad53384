import { happens, pick } from '../random.ts';
import type { Draft } from './draft.ts';
import { inventoryAdjusted, orderPlaced, paymentSettled, userCreated } from './events.ts';
import type { Kind } from './options.ts';
import { anyUser, keep, newOrder, newPayment, newUser, nobody, recent, userId, type World } from './world.ts';

/** A draft to send now and one that must come later, null for none. */
export interface Step {
  readonly draft: Draft;
  readonly later: Draft | null;
}

const DEFAULT_MIX: Readonly<Record<Kind, number>> = { users: 10, orders: 40, payments: 30, inventory: 20 };

/** What happens next. With `canHold` false nothing is left for later. */
export function nextStep(world: World, canHold: boolean): Step {
  world.clock += 1;
  switch (nextKind(world)) {
    case 'users':
      return userStep(world, canHold);
    case 'orders':
      return orderStep(world, canHold);
    case 'payments':
      return paymentStep(world, canHold);
    case 'inventory':
      return now(inventoryAdjusted(world));
  }
}

function nextKind(world: World): Kind {
  const mix = world.options.mix ?? DEFAULT_MIX;
  let left = world.random() * (mix.users + mix.orders + mix.payments + mix.inventory);
  for (const kind of ['users', 'orders', 'payments'] as const) {
    left -= mix[kind];
    if (left < 0) return kind;
  }
  return 'inventory';
}

function userStep(world: World, canHold: boolean): Step {
  if (world.born > 0 && happens(world.random, world.options.stale))
    return now(userCreated(world, anyUser(world), 'stale'));
  if (world.born > 1 && canHold && happens(world.random, world.options.emailMoves)) return emailMove(world);
  return now(userCreated(world, world.born < world.options.users ? newUser(world) : anyUser(world)));
}

function orderStep(world: World, canHold: boolean): Step {
  const { options, orders } = world;
  if (happens(world.random, options.missingParents?.never))
    return now(orderPlaced(world, newOrder(world, nobody(world)), 'orphan'));
  if (canHold && world.born < options.users && happens(world.random, options.missingParents?.late)) {
    const userNo = newUser(world);
    const draft = orderPlaced(world, keep(orders, newOrder(world, userId(world, userNo))), 'lateParent');
    return { draft, later: userCreated(world, userNo) };
  }
  if (world.born === 0) return now(userCreated(world, newUser(world)));
  const known = recent(world, orders);
  if (known !== null && happens(world.random, options.stale)) return now(orderPlaced(world, known, 'stale'));
  // One order in eight is placed again with other items.
  if (known !== null && happens(world.random, 1 / 8)) return now(orderPlaced(world, known));
  return now(orderPlaced(world, keep(orders, newOrder(world, userId(world, anyUser(world))))));
}

function paymentStep(world: World, canHold: boolean): Step {
  const { options, orders, payments } = world;
  if (happens(world.random, options.missingParents?.never)) {
    return now(paymentSettled(world, newPayment(world, newOrder(world, nobody(world))), 'orphan'));
  }
  if (canHold && world.born > 0 && happens(world.random, options.missingParents?.late)) {
    const late = keep(orders, newOrder(world, userId(world, anyUser(world))));
    const draft = paymentSettled(world, keep(payments, newPayment(world, late)), 'lateParent');
    return { draft, later: orderPlaced(world, late) };
  }
  const known = recent(world, payments);
  if (known !== null && happens(world.random, options.stale)) return now(paymentSettled(world, known, 'stale'));
  const paid = recent(world, orders);
  if (paid === null) return orderStep(world, canHold);
  return now(paymentSettled(world, keep(payments, newPayment(world, paid))));
}

/** One user takes a new e-mail and another one the old one; once in four times the other's event comes first. */
function emailMove(world: World): Step {
  const giver = anyUser(world);
  const taker = (giver + 1 + pick(world.random, world.born - 1)) % world.born;
  const given = world.emails[giver] ?? 0;
  world.emails[giver] = world.nextEmail;
  world.nextEmail += 1;
  const gives = userCreated(world, giver, 'emailMove');
  world.clock += 1;
  world.emails[taker] = given;
  const takes = userCreated(world, taker, 'emailMove');
  return happens(world.random, 1 / 4) ? { draft: takes, later: gives } : { draft: gives, later: takes };
}

function now(draft: Draft): Step {
  return { draft, later: null };
}
