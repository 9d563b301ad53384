/** Tells who waits at the end of a partition that something was appended to it. */
export interface AppendSignal {
  /** Settles at the next `notify` of the partition. Taken before a fetch, no append between the two is missed. */
  next(partition: number): Promise<void>;
  notify(partitions: Iterable<number>): void;
  notifyAll(): void;
}

interface Waiting {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

export function createAppendSignal(): AppendSignal {
  const waiting = new Map<number, Waiting>();

  function notify(partitions: Iterable<number>): void {
    for (const partition of partitions) {
      waiting.get(partition)?.resolve();
      waiting.delete(partition);
    }
  }

  return {
    next: (partition) => {
      const known = waiting.get(partition);
      if (known !== undefined) return known.promise;
      let resolve = (): void => undefined;
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      waiting.set(partition, { promise, resolve });
      return promise;
    },
    notify,
    notifyAll: () => notify([...waiting.keys()]),
  };
}
