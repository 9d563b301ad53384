import { z } from 'zod';

/** With the u flag a surrogate matches only where its other half is missing. */
const STORABLE = /^[^\0\p{Surrogate}]*$/u;

export const UNSTORABLE_TEXT = 'must not have NUL characters or unpaired surrogates, which databases keep differently';

/** Neither NUL (PostgreSQL refuses it) nor half of a surrogate pair (UTF-8 cannot say it): every database keeps it. */
export function isStorableText(text: string): boolean {
  return STORABLE.test(text);
}

/**
 * Text of `1..max` UTF-16 units, the unit of SQL Server's nvarchar(n), that every database gives back unchanged. Zod's
 * max() counts code points, as JSON Schema does: it stays for the documentation, the refinement is what decides.
 */
export function text(max: number): z.ZodString {
  const meaning = `must be a text of 1 to ${max} characters, counted in UTF-16 units`;
  return z
    .string(meaning)
    .min(1, meaning)
    .max(max, meaning)
    .refine((value) => value.length <= max, meaning)
    .regex(STORABLE, UNSTORABLE_TEXT);
}
