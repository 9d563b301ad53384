import { describeError, kindOf } from '../errors.ts';
import type { Sink } from '../order-store.ts';
import type { Emit } from './facts.ts';

export interface RetentionParts {
  readonly sink: Sink;
  readonly ledgerRetentionMs: number;
  readonly now: () => number;
  readonly emit: Emit;
  /** Whether a partition stands still: what it has not read yet may repeat ids that are about to be forgotten. */
  readonly standingStill: () => boolean;
}

/** Bytes of closed letters are kept this long. */
const CLOSED_PAYLOADS_MS = 30 * 24 * 3_600_000;

/** Deletes once what is past its time; an outage leaves it to the next time. Never throws. */
export async function prune(parts: RetentionParts): Promise<void> {
  if (parts.standingStill()) return;
  const now = parts.now();
  try {
    const pruned = await parts.sink.prune({
      ledgerBefore: now - parts.ledgerRetentionMs,
      payloadsBefore: now - CLOSED_PAYLOADS_MS,
    });
    if (pruned.ledgerRows + pruned.payloads > 0) parts.emit({ kind: 'pruned', ...pruned });
  } catch (error) {
    parts.emit({ kind: 'prune-failed', errorKind: kindOf(error), detail: describeError(error) });
  }
}
