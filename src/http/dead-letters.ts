import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { DeadLetters, LetterCount, LetterFilter, LetterSummary } from '../dead-letters.ts';
import { REASONS } from '../events/index.ts';
import { decodeCursor, page } from './cursor.ts';
import { LETTER_STATES, letterDetails, letterSummary, viewLetter } from './letter-view.ts';
import { json } from './openapi.ts';
import {
  idText,
  instantText,
  isLetterId,
  letterIdParameter,
  pageOf,
  pageParameters,
  textFilter,
  timeFilter,
} from './parameters.ts';
import { HttpProblem } from './problem.ts';

/** What letters are chosen by, for lists and for redriving many. */
export const letterFilter = {
  state: z.enum(LETTER_STATES).optional(),
  reason: z.enum(REASONS).optional(),
  eventType: textFilter.optional(),
  entityId: idText.optional(),
  failedAfter: timeFilter.optional(),
};

const letterCount = z.object({
  state: z.enum(LETTER_STATES),
  reason: z.enum(REASONS),
  count: z.int(),
  oldestFirstFailedAt: instantText,
  ages: z
    .object({ underOneHour: z.int(), underOneDay: z.int(), underOneWeek: z.int(), older: z.int() })
    .meta({ description: 'How many of them first failed so long ago; each is counted in one' }),
  oldestAgeSeconds: z.int().meta({ description: 'Since the oldest of them failed first' }),
});
const stats = z.object({ total: z.int(), counts: z.array(letterCount) }).openapi('DeadLetterStats');

const listRoute = createRoute({
  method: 'get',
  path: '/dead-letters',
  tags: ['dead letters'],
  summary: 'Dead letters, newest failure first',
  request: { query: pageParameters.extend({ ...letterFilter, failedBefore: timeFilter.optional() }) },
  responses: { 200: json('A page of dead letters', pageOf(letterSummary).openapi('DeadLetterPage')) },
});

// Before the route with the id in the table of routes; no letter has this id, for it has no colons.
const statsRoute = createRoute({
  method: 'get',
  path: '/dead-letters/stats',
  tags: ['dead letters'],
  summary: 'How many dead letters there are, by state and reason, and how old they are',
  responses: { 200: json('The numbers', stats) },
});

const letterRoute = createRoute({
  method: 'get',
  path: '/dead-letters/{id}',
  tags: ['dead letters'],
  summary: 'A dead letter with its payload and what was done about it',
  request: { params: letterIdParameter },
  responses: { 200: json('The dead letter', letterDetails) },
});

export interface DeadLetterDeps {
  readonly deadLetters: Pick<DeadLetters, 'list' | 'stats' | 'get'>;
  readonly now: () => number;
}

/** Reading dead letters; what changes them is in redrive and letter-actions. */
export function deadLetterRoutes(api: OpenAPIHono, { deadLetters, now }: DeadLetterDeps): void {
  api.openapi(listRoute, async (c) => {
    const { limit, cursor, ...filter } = c.req.valid('query');
    const key = cursor === undefined ? null : decodeCursor('letters', cursor, isLetterId);
    const after = key === null ? null : { lastFailedAt: key.at, id: key.id };
    const letters = await deadLetters.list(toFilter(filter), { limit: limit + 1, after });
    return c.json(page(letters, { limit, listing: 'letters' }, keyOf), 200);
  });
  api.openapi(statsRoute, async (c) => {
    const counts = (await deadLetters.stats()).map((count) => withAge(count, now()));
    return c.json({ total: counts.reduce((sum, { count }) => sum + count, 0), counts }, 200);
  });
  api.openapi(letterRoute, async (c) => {
    const letter = await deadLetters.get(c.req.valid('param').id);
    if (letter === null) throw noSuchLetter();
    return c.json(viewLetter(letter), 200);
  });
}

export function noSuchLetter(): HttpProblem {
  return new HttpProblem(404, 'There is no such dead letter.');
}

/** Without what was not given: the port tells absent from undefined. */
export function toFilter(given: { [Name in keyof LetterFilter]: LetterFilter[Name] | undefined }): LetterFilter {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function keyOf(letter: LetterSummary) {
  return { at: letter.lastFailedAt, id: letter.id };
}

function withAge(count: LetterCount, now: number) {
  const age = Math.floor((now - Date.parse(count.oldestFirstFailedAt)) / 1000);
  return { ...count, oldestAgeSeconds: Math.max(0, age) };
}
