/** Uniform in [0, 1). */
export type Random = () => number;

/** Mulberry32: 32 bits of state, 2 ns a number, the same sequence everywhere; good enough to vary test data. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** FNV-1a, 32 bits. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** An integer in [0, below). */
export function pick(random: Random, below: number): number {
  return Math.floor(random() * below);
}

/** Null only for an empty list. */
export function oneOf<T>(random: Random, all: readonly T[]): T | null {
  return all[pick(random, all.length)] ?? null;
}

/** True `chance` of the time; a chance of 0 takes no number from the sequence. */
export function happens(random: Random, chance = 0): boolean {
  return chance > 0 && random() < chance;
}
