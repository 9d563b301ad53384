import { createTimeSlots } from './time-slots.ts';

/** Events per second by type, as the mean of the last 10 s. */
export interface EventRate {
  count(eventType: string): void;
  perSecond(eventType: string): number;
}

const SLOT_MS = 100;
const SLOTS = 100;
const WINDOW_S = (SLOT_MS * SLOTS) / 1000;

/** `now` is in ms. */
export function createEventRate(now: () => number): EventRate {
  const slots = createTimeSlots({ slotMs: SLOT_MS, slots: SLOTS, empty: () => new Map<string, number>(), now });
  return {
    count: (eventType) => {
      const counts = slots.current();
      counts.set(eventType, (counts.get(eventType) ?? 0) + 1);
    },
    perSecond: (eventType) => slots.recent().reduce((sum, counts) => sum + (counts.get(eventType) ?? 0), 0) / WINDOW_S,
  };
}
