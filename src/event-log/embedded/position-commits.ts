const SAVE_EVERY_MS = 1_000;

/** Remembers how far partitions are done and saves it now and then. */
export interface PositionCommits {
  /** Saves when the last time is a second ago. */
  note(partition: number, next: bigint): Promise<void>;
  /** Saves what is not saved yet. */
  flush(): Promise<void>;
}

/**
 * Only tools, and the first delivery after a start, read these positions, so losing a second of them costs nothing but
 * a redelivery; saving each would cost a transaction per batch. After a failed `save` the positions are kept for the next.
 */
export function createPositionCommits(parts: {
  readonly save: (positions: ReadonlyMap<number, bigint>) => Promise<void>;
  readonly now: () => number;
}): PositionCommits {
  const unsaved = new Map<number, bigint>();
  let savedAt = parts.now();

  async function flush(): Promise<void> {
    if (unsaved.size === 0) return;
    savedAt = parts.now();
    const saving = new Map(unsaved);
    await parts.save(saving);
    for (const [partition, next] of saving) {
      if (unsaved.get(partition) === next) unsaved.delete(partition);
    }
  }

  return {
    note: async (partition, next) => {
      unsaved.set(partition, next);
      // The distance, not the difference: a clock set back must not put saving off.
      if (Math.abs(parts.now() - savedAt) >= SAVE_EVERY_MS) await flush();
    },
    flush,
  };
}
