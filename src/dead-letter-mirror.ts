import type { Reason } from './events/index.ts';

/**
 * A copy of the dead letters for people and their tools. The order store decides; the mirror may lose anything, at any
 * time, and is made complete again.
 *
 * Everything sent belongs to an epoch, which one relay begins and nobody else knows. Within an epoch a letter moves
 * forward only, whatever is repeated or comes late. A mirror that was emptied, set back, reconnected to or taken over
 * by another relay is no longer in the epoch: every call then throws, and the way on is a new epoch and everything sent
 * again. Of calls that time out nobody knows whether they happened; they are harmless, for their epoch is over.
 *
 * Errors are PipelineErrors. Calls give up within seconds, also if the server never answers.
 */
export interface DeadLetterMirror {
  /** One word for people: `redis`. */
  readonly kind: string;
  /** Begins an epoch, here and on this connection. What is there stays until it is sent again or swept. */
  begin(epoch: string): Promise<void>;
  /** Writes open letters and takes closed ones out of the lists. May be repeated. */
  send(epoch: string, letters: readonly MirrorLetter[]): Promise<void>;
  /** How many of these letters the mirror lacks or has older. */
  countMissing(epoch: string, letters: readonly MirrorState[]): Promise<number>;
  /**
   * Takes out some of what no call of this epoch has sent. `cursor` is null to begin and then what the last call gave
   * as `next`, until that is null.
   */
  sweep(epoch: string, cursor: string | null): Promise<{ readonly removed: number; readonly next: string | null }>;
  /** Called twice it is the same promise. Calls under way are rejected. */
  close(): Promise<void>;
}

/** Which version of an open letter it is. */
export interface MirrorState {
  readonly id: string;
  readonly revision: number;
  readonly state: 'parked' | 'dead';
}

export type MirrorLetter = OpenMirrorLetter | ClosedMirrorLetter;

/** An open letter as people see it, with the bytes as they would be tried again. */
export interface OpenMirrorLetter extends MirrorState {
  readonly reason: Reason;
  readonly error: string;
  readonly eventId: string | null;
  readonly eventType: string | null;
  readonly entityId: string | null;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: Uint8Array | null;
  readonly payload: Uint8Array | null;
  readonly traceparent: string | null;
  /** RFC 3339 UTC with milliseconds. */
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
  /** Tries so far, the first one included. */
  readonly attempts: number;
}

export interface ClosedMirrorLetter {
  readonly id: string;
  readonly revision: number;
  readonly state: 'resolved' | 'discarded';
}

export function isOpen(letter: MirrorLetter): letter is OpenMirrorLetter {
  return letter.state === 'parked' || letter.state === 'dead';
}
