/**
 * What was recorded lately, in slots of equal length, so that memory does not depend on how much was recorded: a
 * window of `slotMs * slots` that moves on by whole slots.
 */
export interface TimeSlots<T> {
  /** The slot of this moment, to record into. */
  current(): T;
  /** The slots of the window that were recorded into. */
  recent(): T[];
}

export interface TimeSlotOptions<T> {
  readonly slotMs: number;
  readonly slots: number;
  readonly empty: () => T;
  /** ms since any moment. */
  readonly now: () => number;
}

export function createTimeSlots<T>({ slotMs, slots, empty, now }: TimeSlotOptions<T>): TimeSlots<T> {
  const ring: Array<{ number: number; content: T } | undefined> = new Array(slots);
  const numberNow = () => Math.floor(now() / slotMs);

  return {
    current: () => {
      const number = numberNow();
      const place = number % slots;
      const slot = ring[place];
      if (slot?.number === number) return slot.content;
      const content = empty();
      ring[place] = { number, content };
      return content;
    },
    recent: () => {
      const last = numberNow();
      return ring.flatMap((slot) =>
        slot !== undefined && slot.number > last - slots && slot.number <= last ? [slot.content] : [],
      );
    },
  };
}
