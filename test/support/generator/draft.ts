import { hash32 } from '../random.ts';

/** The fault that was planted. The outcome may differ, for two faults can meet. */
export type Planted = 'duplicate' | 'outOfOrder' | 'stale' | 'conflict' | 'lateParent' | 'orphan' | 'emailMove';

/** An event before it becomes text. `occurredAt` is in ms since 1970, `payload` is JSON text. */
export interface Draft {
  readonly key: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly occurredAt: number;
  readonly payload: string;
  readonly expect: Planted | null;
}

/** Made by concatenation, which is several times as fast as JSON.stringify: nothing in a draft needs escaping. */
export function textOf({ eventId, eventType, occurredAt, payload }: Draft): string {
  const time = new Date(occurredAt).toISOString();
  return `{"eventId":"${eventId}","eventType":"${eventType}","version":1,"occurredAt":"${time}","payload":${payload}}`;
}

/** The same id with another body. */
export function conflictWith(draft: Draft): Draft {
  return { ...draft, occurredAt: draft.occurredAt + 1, expect: 'conflict' };
}

/**
 * Event ids in the shape of a UUIDv7: the time, 42 bits of the seed and a counter of 32 bits. So they are unique within
 * a run, and runs with different seeds do not meet in one database.
 */
export function eventIds(seed: number): (occurredAt: number) => string {
  const mark = hex(hash32(`a${seed}`), 8) + hex(hash32(`b${seed}`), 8);
  const variant = '89ab'.charAt(hash32(`c${seed}`) % 4);
  const middle = `-7${mark.slice(0, 3)}-${variant}${mark.slice(3, 6)}-${mark.slice(6, 10)}`;
  let count = 0;
  return (occurredAt) => {
    const time = hex(occurredAt, 12);
    count += 1;
    return `${time.slice(0, 8)}-${time.slice(8)}${middle}${hex(count, 8)}`;
  };
}

/** Of an amount in cents: "19.05". */
export function moneyText(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
