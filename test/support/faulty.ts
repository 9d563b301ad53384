import type { Batch } from '../../src/batch.ts';
import { type ErrorKind, PipelineError } from '../../src/errors.ts';
import type { Sink } from '../../src/order-store.ts';

type Method = keyof Sink;

/** How calls of one method fail. */
export interface Fault {
  readonly method: Method;
  readonly error: unknown;
  /** How many calls; for ever unless given. */
  readonly times?: number;
  /** `after`: the effect happens and only its answer is lost. */
  readonly when?: 'before' | 'after';
  /** Which batches fail; all unless given. Only for applyBatch. */
  readonly batches?: (batch: Batch) => boolean;
}

/** A sink whose calls can be made to fail, and which counts them. */
export interface FaultySink {
  readonly sink: Sink;
  /** Gives the way to end it early. */
  fail(fault: Fault): () => void;
  calls(method: Method): number;
  /** Batches handed to applyBatch, also those that failed. */
  readonly batches: readonly Batch[];
  /** Awaited before each call of the method, until it is cleared by null. */
  hold(method: Method, gate: Promise<void> | null): void;
}

interface Active {
  readonly fault: Fault;
  left: number;
}

export function faultySink(real: Sink): FaultySink {
  const active = new Set<Active>();
  const counts = new Map<Method, number>();
  const held = new Map<Method, Promise<void>>();
  const batches: Batch[] = [];

  function faultFor(method: Method, args: readonly unknown[]): Fault | null {
    for (const one of active) {
      const { fault } = one;
      if (fault.method !== method || one.left <= 0) continue;
      if (fault.batches !== undefined && !fault.batches(args[0] as Batch)) continue;
      one.left -= 1;
      return fault;
    }
    return null;
  }

  async function call(method: Method, args: readonly unknown[]): Promise<unknown> {
    counts.set(method, (counts.get(method) ?? 0) + 1);
    if (method === 'applyBatch') batches.push(args[0] as Batch);
    await held.get(method);
    const fault = faultFor(method, args);
    if (fault !== null && fault.when !== 'after') throw fault.error;
    const answer = await (real[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args);
    if (fault !== null) throw fault.error;
    return answer;
  }

  const methods = Object.keys(real) as Method[];
  return {
    sink: Object.fromEntries(
      methods.map((method) => [method, (...args: readonly unknown[]) => call(method, args)]),
    ) as unknown as Sink,
    fail: (fault) => {
      const one = { fault, left: fault.times ?? Number.POSITIVE_INFINITY };
      active.add(one);
      return () => void active.delete(one);
    },
    calls: (method) => counts.get(method) ?? 0,
    batches,
    hold: (method, gate) => void (gate === null ? held.delete(method) : held.set(method, gate)),
  };
}

/** As an adapter would throw it. */
export function failure(kind: ErrorKind): PipelineError {
  return new PipelineError(kind, `TEST_${kind.toUpperCase()}`, `a test's ${kind}`);
}
