import { isMembershipError } from './errors.ts';

/** Heartbeats while a batch is at work. */
export interface Heartbeats {
  /** Whether the group has moved on: finish what is under way and take nothing new. */
  lost(): boolean;
  /** Throws what the group said, as it is: kafkajs joins again. */
  throwIfLost(): void;
  stop(): void;
}

/** kafkajs sends one only when asked and when the interval has passed: asking often is cheap. */
const ASK_EVERY_MS = 500;

export function keepBeating(heartbeat: () => Promise<void>): Heartbeats {
  let lost: unknown = null;
  const timer = setInterval(() => {
    heartbeat().catch((error: unknown) => {
      // Any other error is met again by the heartbeat that kafkajs sends after the batch.
      if (isMembershipError(error)) lost ??= error;
    });
  }, ASK_EVERY_MS);
  return {
    lost: () => lost !== null,
    throwIfLost: () => {
      if (lost !== null) throw lost;
    },
    stop: () => clearInterval(timer),
  };
}
