import { z } from 'zod';

const IDENTIFIER = /^[A-Za-z0-9][\x21-\x7e]{0,63}$/;
/** GET /events/processed is a route of its own: an event with this id could not be looked up. */
const RESERVED_EVENT_IDS: ReadonlySet<string> = new Set(['processed']);

const MEANING = 'must be 1 to 64 printable ASCII characters without space, the first a letter or digit';

/**
 * An id of an entity, case-sensitive. ASCII only, because the databases fold, pad and normalise anything else
 * differently; never a number, because JSON numbers beyond 2^53 are not kept exactly.
 */
export const identifier = z.string(MEANING).regex(IDENTIFIER, MEANING);

export const eventIdentifier = identifier
  .refine((id) => !RESERVED_EVENT_IDS.has(id), 'must not be "processed", which is a route of the API')
  .meta({
    description: `Unique id of the event, UUIDv7 recommended; ${MEANING}`,
    examples: ['0198f6d2-7c1e-7d5e-9a52-3f0a4d1c2b3a'],
  });

export function isIdentifier(value: unknown): value is string {
  return typeof value === 'string' && IDENTIFIER.test(value);
}

export function isEventIdentifier(value: unknown): value is string {
  return isIdentifier(value) && !RESERVED_EVENT_IDS.has(value);
}
