import { oneOf, pick, type Random, randomFrom } from '../random.ts';
import { eventIds } from './draft.ts';
import type { GeneratorOptions } from './options.ts';

/** The business that the stream tells of. Users and e-mails are numbers; of orders and payments only the last are kept. */
export interface World {
  readonly random: Random;
  /** Part of every id, so that runs with different seeds can share a database. */
  readonly tag: string;
  readonly options: GeneratorOptions;
  readonly newEventId: (occurredAt: number) => string;
  /** The number of each user's e-mail; the user's own number until e-mails move. */
  readonly emails: Uint32Array;
  readonly orders: Ring<Order>;
  readonly payments: Ring<Payment>;
  born: number;
  clock: number;
  nextEmail: number;
}

export interface Order {
  readonly orderId: string;
  readonly userId: string;
  readonly cents: number;
}

export interface Payment {
  readonly paymentId: string;
  readonly order: Order;
}

/** The last `RING` of a kind, so that memory does not grow with the stream. */
export interface Ring<T> {
  readonly kept: T[];
  added: number;
}

const RING = 512;

export function newWorld(options: GeneratorOptions): World {
  return {
    random: randomFrom(options.seed),
    tag: options.seed.toString(36),
    options,
    newEventId: eventIds(options.seed),
    emails: new Uint32Array(options.users).map((_, user) => user),
    orders: { kept: [], added: 0 },
    payments: { kept: [], added: 0 },
    born: 0,
    clock: options.startAt ?? Date.UTC(2026, 0, 1),
    nextEmail: options.users,
  };
}

/** The next user's number. */
export function newUser(world: World): number {
  world.born += 1;
  return world.born - 1;
}

export function newOrder(world: World, userId: string): Order {
  const orderId = `order-${world.tag}-${world.clock.toString(36)}`;
  return { orderId, userId, cents: 100 + pick(world.random, 100_000) };
}

export function newPayment(world: World, order: Order): Payment {
  return { paymentId: `payment-${world.tag}-${world.clock.toString(36)}`, order };
}

export function userId(world: World, userNo: number): string {
  return `user-${world.tag}-${userNo}`;
}

/** A user who never comes; some orders wait for the same one. */
export function nobody(world: World): string {
  return `nobody-${world.tag}-${pick(world.random, 100)}`;
}

/** The number of a user who is there, or on the way. */
export function anyUser(world: World): number {
  return pick(world.random, world.born);
}

export function recent<T>(world: World, ring: Ring<T>): T | null {
  return oneOf(world.random, ring.kept);
}

export function keep<T>(ring: Ring<T>, one: T): T {
  ring.kept[ring.added % RING] = one;
  ring.added += 1;
  return one;
}
