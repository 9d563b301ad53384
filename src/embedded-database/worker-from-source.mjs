// Starts the worker from its TypeScript source. A module of its own, for `--import tsx` does not reach into workers, and
// the main thread may have no tsx at all (vitest compiles by other means). A build starts worker.js directly.
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
