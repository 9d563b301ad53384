import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { DeadLetters } from '../dead-letters.ts';
import { readAs } from './body.ts';
import { noSuchLetter } from './dead-letters.ts';
import type { ApiLimits } from './limits.ts';
import { json, jsonBody, problemAnswer, registerBody } from './openapi.ts';
import { actorHeader, letterIdParameter, noteText, offsetText } from './parameters.ts';
import { HttpProblem } from './problem.ts';

const MAX_OFFSET = 2n ** 63n - 1n;

const discard = z.strictObject({
  note: noteText,
  revision: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .optional()
    .meta({ description: 'Only if the letter still has this revision' }),
});
const quarantine = z.strictObject({
  topic: z.string().regex(/^[A-Za-z0-9._-]{1,249}$/),
  partition: z
    .int()
    .min(0)
    .max(2 ** 31 - 1),
  offset: offsetText.refine((text) => BigInt(text) <= MAX_OFFSET, 'at most 2^63 - 1'),
  note: noteText,
});

const discardRoute = createRoute({
  method: 'post',
  path: '/dead-letters/{id}/discard',
  tags: ['dead letters'],
  summary: 'Close a dead letter for good',
  request: { params: letterIdParameter, headers: actorHeader, body: jsonBody('Discard') },
  responses: {
    200: json('It is closed', z.object({ id: z.string(), state: z.literal('discarded') }).openapi('Discarded')),
    409: problemAnswer('The letter is closed already, or changed meanwhile'),
  },
});

const quarantined = z.object({ topic: z.string(), partition: z.int(), offset: offsetText }).openapi('Quarantined');
const quarantineRoute = createRoute({
  method: 'post',
  path: '/dead-letters/quarantine',
  tags: ['dead letters'],
  summary: 'Make a record a dead letter unread, to free a partition that cannot get past it',
  request: { headers: actorHeader, body: jsonBody('Quarantine') },
  responses: {
    202: json('The owner of the partition does it at its next attempt', quarantined),
    409: problemAnswer('The partition is not known, or the record lies below its position'),
  },
});

export interface LetterActionDeps {
  readonly deadLetters: Pick<DeadLetters, 'discard' | 'quarantine' | 'get'>;
  readonly limits: ApiLimits;
  /** Told of every letter that was closed by hand. */
  readonly letterDiscarded: (id: string) => void;
}

/** Changes by hand that try nothing: closing a letter, and asking for a record to become one. */
export function letterActionRoutes(api: OpenAPIHono, { deadLetters, limits, letterDiscarded }: LetterActionDeps): void {
  registerBody(api, 'Discard', discard);
  registerBody(api, 'Quarantine', quarantine);
  api.openapi(discardRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { note, revision } = await readAs(c, discard, limits.jsonBodyBytes);
    const by = { actor: c.req.valid('header')['x-actor'], note };
    if (!(await deadLetters.discard(id, revision ?? null, by))) throw await notOpen(deadLetters, id);
    letterDiscarded(id);
    return c.json({ id, state: 'discarded' as const }, 200);
  });
  api.openapi(quarantineRoute, async (c) => {
    const { note, ...record } = await readAs(c, quarantine, limits.jsonBodyBytes);
    const by = { actor: c.req.valid('header')['x-actor'], note };
    const known = await deadLetters.quarantine({ ...record, offset: BigInt(record.offset) }, by);
    if (!known) throw new HttpProblem(409, 'The partition is not known, or has got past this record.');
    return c.json(record, 202);
  });
}

/** Why a letter could not be closed: there is none, it is closed, or its revision is another one by now. */
async function notOpen(deadLetters: Pick<DeadLetters, 'get'>, id: string): Promise<HttpProblem> {
  const letter = await deadLetters.get(id);
  if (letter === null) return noSuchLetter();
  const open = letter.state === 'parked' || letter.state === 'dead';
  return new HttpProblem(
    409,
    open ? 'The dead letter changed meanwhile.' : `The dead letter is ${letter.state} already.`,
  );
}
