import { describeError, kindOf } from '../errors.ts';

/** Whether a server answered when it was last asked. */
export interface Reach {
  readonly reachable: boolean;
  /** Since when, ms since 1970. */
  readonly since: number;
  readonly detail: string | null;
}

export interface Reachability {
  /** Told of the end of every call; null for one that succeeded. */
  saw(error: unknown): void;
  now(): Reach;
}

/** Judges by the calls that are made anyway: a bad record or a lost race says nothing about the server. */
export function trackReachability(now: () => number): Reachability {
  let reach: Reach = { reachable: true, since: now(), detail: null };
  return {
    saw: (error) => {
      const kind = error === null ? null : kindOf(error);
      const reachable = kind === null || kind === 'race' || kind === 'data';
      if (reachable && reach.reachable) return;
      const since = reachable === reach.reachable ? reach.since : now();
      reach = { reachable, since, detail: reachable ? null : describeError(error) };
    },
    now: () => reach,
  };
}
