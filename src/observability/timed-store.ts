import type { OrderStore } from '../order-store.ts';

/**
 * Told of the end of every call; `error` is null if it succeeded. `operation` is the port's own name, such as
 * `sink.applyBatch`.
 */
export type ObserveCall = (operation: string, ms: number, error: unknown) => void;

/** `now` is in ms, of a clock that is never set. */
export function timedStore(
  store: OrderStore,
  observe: ObserveCall,
  now: () => number = () => performance.now(),
): OrderStore {
  const timed = { observe, now };
  return {
    kind: store.kind,
    sink: timedCalls('sink', store.sink, timed),
    deadLetters: timedCalls('deadLetters', store.deadLetters, timed),
    reads: timedCalls('reads', store.reads, timed),
    mirror: timedCalls('mirror', store.mirror, timed),
    close: () => store.close(),
  };
}

type Call = (...args: unknown[]) => Promise<unknown>;

export interface Timing {
  readonly observe: ObserveCall;
  readonly now: () => number;
}

/** Every function of one part of the port; the parts are plain objects of asynchronous functions. */
export function timedCalls<T extends object>(part: string, calls: T, timing: Timing): T {
  const timed = Object.entries(calls).map(([name, call]) => [
    name,
    timedCall(`${part}.${name}`, (...args) => (call as Call).apply(calls, args), timing),
  ]);
  return Object.fromEntries(timed) as T;
}

function timedCall(operation: string, call: Call, { observe, now }: Timing): Call {
  return async (...args) => {
    const started = now();
    try {
      const result = await call(...args);
      observe(operation, now() - started, null);
      return result;
    } catch (error) {
      observe(operation, now() - started, error);
      throw error;
    }
  };
}
