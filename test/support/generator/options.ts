export type Kind = 'users' | 'orders' | 'payments' | 'inventory';

/** Fractions of 1, all 0 by default but the mix. They are chances per event, so a run of n has about n times as many. */
export interface GeneratorOptions {
  readonly seed: number;
  /** Records in all. */
  readonly count: number;
  /** Users at most; they are created as the stream goes on. */
  readonly users: number;
  /** Weights. Default: users 10, orders 40, payments 30, inventory 20. */
  readonly mix?: Readonly<Record<Kind, number>>;
  /** An earlier event again, the same bytes. */
  readonly duplicates?: number;
  /** Held back until up to 200 later records have passed. */
  readonly outOfOrder?: number;
  /** A new version of something that is there, a day older than it. */
  readonly stale?: number;
  /** The id of an earlier event with another body. */
  readonly conflicts?: number;
  /** Of orders and payments: sent before their parent, or naming a parent that never comes. */
  readonly missingParents?: { readonly late?: number; readonly never?: number };
  /** Of user events: a user takes the e-mail that another one just gave up. */
  readonly emailMoves?: number;
  /** Bytes that must be rejected. */
  readonly poison?: number;
  /** occurredAt of the first event in ms since 1970, one more for each further; default 2026-01-01. */
  readonly startAt?: number;
}
