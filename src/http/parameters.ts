import { z } from '@hono/zod-openapi';
import { identifier } from '../events/index.ts';
import { DEFAULT_PAGE, MAX_PAGE } from './limits.ts';

/** "topic:partition:offset", of every log of a topic but the first with "@2" and so on. */
const LETTER_ID = /^[A-Za-z0-9._-]{1,249}:\d{1,10}:\d{1,19}(?:@\d{1,10})?$/;
export const isLetterId = (text: string): boolean => LETTER_ID.test(text);
/** Text that every database can hold: no NUL, no halves of surrogate pairs. With the u flag only halves match. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;
const isStorable = (text: string): boolean => !UNSTORABLE.test(text);

export const idText = identifier;

export const instantText = z.iso.datetime({ precision: 3 }).meta({ example: '2026-11-20T10:15:30.123Z' });
export const moneyText = z
  .string()
  .regex(/^\d{1,15}\.\d{2,4}$/)
  .meta({ description: 'Two to four decimals', example: '19.90' });
export const offsetText = z
  .string()
  .regex(/^\d{1,19}$/)
  .meta({ description: 'Beyond 2^53 a JSON number would be altered' });

/** The path parameter of an entity or event, percent-encoded. */
export const idParameter = z.object({ id: idText });

export const letterIdParameter = z.object({
  id: z.string().regex(LETTER_ID).meta({ description: '"topic:partition:offset"', example: 'order-events:3:1042' }),
});

/** Query parameters of every list. Text in the URL: z.coerce would take "", " 5" and "0x10" for numbers. */
export const pageParameters = z.object({
  limit: z
    .string()
    .regex(/^[1-9]\d*$/, `a whole number from 1 to ${MAX_PAGE}`)
    .transform(Number)
    .refine((limit) => limit <= MAX_PAGE, `a whole number from 1 to ${MAX_PAGE}`)
    .default(DEFAULT_PAGE)
    .openapi({ type: 'integer', minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE }),
  cursor: z.string().min(1).optional().openapi({ description: '"next" of the page before, unchanged' }),
});

/** A point in time of a filter as ms since 1970; clamped to what the databases know, where there are no letters anyway. */
export const timeFilter = z.iso
  .datetime({ offset: true, error: 'a time of RFC 3339 with a zone, like 2026-11-20T10:15:30Z' })
  .transform((text) => Math.min(Math.max(Date.parse(text), 0), LAST_INSTANT))
  .openapi({ type: 'string', format: 'date-time' });
const LAST_INSTANT = Date.UTC(9999, 0);

/** Patterns of the document are for other languages too, which know no classes of Unicode. */
const STORABLE_PATTERN = String.raw`^[^\u0000]+$`;

export const textFilter = z
  .string()
  .min(1)
  .max(64)
  .refine(isStorable, 'no NUL, no halves of surrogate pairs')
  .openapi({ pattern: STORABLE_PATTERN });

export const actorHeader = z.object({
  'x-actor': z
    .string()
    .regex(/^[\x20-\x7e]{1,100}$/, '1 to 100 printable ASCII characters')
    .default('api')
    .openapi({ description: 'Who does this, kept with the letter; a claim, not checked' }),
});

/** Why somebody did something: anything but what the databases cannot hold. */
export const noteText = z.string().min(1).max(1000).refine(isStorable, 'no NUL, no halves of surrogate pairs').meta({
  pattern: STORABLE_PATTERN,
  description: 'Why, for whoever reads the history',
  example: 'customer confirmed by phone',
});

/** A page of items as every list answers it. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item).readonly(),
    next: z.string().nullable().meta({ description: 'The cursor of the next page, null on the last' }),
  });
}
