/** Runs at most `limit` of the works given at once, the others in the order they came. */
export function createSlots(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: Array<() => void> = [];
  let free = limit;

  async function take(): Promise<void> {
    if (free > 0) {
      free -= 1;
      return;
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  // A slot given up goes straight to who has waited longest: a partition with much to read cannot starve the others.
  function giveUp(): void {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  }

  return async (work) => {
    await take();
    try {
      return await work();
    } finally {
      giveUp();
    }
  };
}
