/** Something that is done again and again until it is stopped. */
export interface Recurring {
  /** Waits for the run under way. Called twice it is the same promise. */
  stop(): Promise<void>;
}

/** Runs `work`, which must not throw, now and then `ms` after each end: runs never overlap. */
export function every(ms: number, work: () => Promise<void>): Recurring {
  let stopped: Promise<void> | null = null;
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> = Promise.resolve();
  const run = (): void => {
    current = work().then(() => {
      if (!stopping) timer = setTimeout(run, ms);
    });
  };
  run();
  return {
    stop: () => {
      stopping = true;
      clearTimeout(timer);
      stopped ??= current;
      return stopped;
    },
  };
}
