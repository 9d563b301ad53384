/** Levels of objects and arrays an event may have; everything that recurses over one relies on it. */
const MAX_LEVELS = 64;

/**
 * Whether objects and arrays are nested deeper than 64 levels. Looks at the parsed value, for HTTP has no other: V8's
 * JSON.parse keeps its own stack and does not overflow on any depth, and this recursion ends at the limit.
 */
export function isTooDeep(value: unknown, levels = MAX_LEVELS): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((element) => isTooDeep(element, levels - 1));
  for (const key in value) if (isTooDeep((value as Record<string, unknown>)[key], levels - 1)) return true;
  return false;
}
