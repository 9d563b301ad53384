import type { Answer, Delivery, DeliveryHandler, LogRecord } from '../../src/event-log.ts';

/** Kafka may take seconds to hand over partitions; whoever waits longer waits for ever. */
const DEADLINE_MS = 20_000;

/** A handler that keeps what it is given, and a way to wait until that satisfies a condition. */
export interface DeliveryRecorder {
  readonly handler: DeliveryHandler;
  readonly deliveries: readonly Delivery[];
  records(partition?: number): LogRecord[];
  until(what: string, condition: () => boolean): Promise<void>;
}

/** Everything of the delivery is done. */
export function done(delivery: Delivery): Answer {
  return { do: 'committed', next: (delivery.records.at(-1)?.offset ?? -1n) + 1n };
}

export function recordDeliveries(answer: (delivery: Delivery) => Answer | Promise<Answer> = done): DeliveryRecorder {
  const deliveries: Delivery[] = [];
  const watchers = new Set<() => void>();
  const records = (partition?: number): LogRecord[] =>
    deliveries
      .filter((delivery) => partition === undefined || delivery.partition === partition)
      .flatMap((delivery) => delivery.records);

  return {
    handler: async (delivery) => {
      deliveries.push(delivery);
      for (const watch of watchers) watch();
      return answer(delivery);
    },
    deliveries,
    records,
    until: (what, condition) =>
      new Promise((resolve, reject) => {
        const deadline = setTimeout(() => {
          watchers.delete(watch);
          reject(new Error(`never happened: ${what}; ${records().length} records in ${deliveries.length} deliveries`));
        }, DEADLINE_MS);
        function watch(): void {
          if (!condition()) return;
          watchers.delete(watch);
          clearTimeout(deadline);
          resolve();
        }
        watchers.add(watch);
        watch();
      }),
  };
}

/** A promise and the function that resolves it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
