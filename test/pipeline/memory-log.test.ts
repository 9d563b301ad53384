import { eventLogContract } from '../contracts/event-log.ts';
import { createMemoryLog } from '../support/memory-log.ts';

// The log that the pipeline's tests script must be a log like any other.
eventLogContract('the memory log', async () => {
  async function open(partitions: number) {
    const log = createMemoryLog({ partitions });
    return { log, reopen: async () => log, dispose: () => log.close() };
  }
  return { open, openElsewhere: () => open(1), close: async () => {} };
});
