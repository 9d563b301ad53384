import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { REASONS } from '../events/index.ts';
import type { LetterChange, RedriveOperations } from '../pipeline/redrive-port.ts';
import { readAs } from './body.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { letterFilter, noSuchLetter, toFilter } from './dead-letters.ts';
import { toBytes } from './letter-view.ts';
import { type ApiLimits, MAX_LETTERS_PER_REDRIVE } from './limits.ts';
import { json, jsonBody, problemAnswer, registerBody } from './openapi.ts';
import { actorHeader, idText, instantText, isLetterId, letterIdParameter, noteText, timeFilter } from './parameters.ts';
import { HttpProblem } from './problem.ts';

const encoding = z.enum(['utf8', 'base64']).default('utf8');
const redrive = z
  .strictObject({
    payload: z.string().optional().meta({ description: 'New bytes; the ones received are kept as well' }),
    payloadEncoding: encoding,
    key: z.string().nullable().optional().meta({ description: 'A new record key, null for none' }),
    keyEncoding: encoding,
    eventId: idText.optional().meta({ description: 'Only for ID_CONFLICT and INVALID_ENVELOPE' }),
    note: noteText.optional(),
    dryRun: z.boolean().default(false),
  })
  .meta({ description: 'An empty object tries the letter again as it is' });

const bulk = z
  .strictObject({
    filter: z.strictObject(letterFilter).prefault({}),
    dryRun: z.boolean().default(false),
    limit: z.int().min(1).max(MAX_LETTERS_PER_REDRIVE).default(MAX_LETTERS_PER_REDRIVE),
    failedBefore: timeFilter.optional().meta({ description: 'When the run began; now if it begins with this call' }),
    cursor: z.string().min(1).optional().meta({ description: '"next" of the call before' }),
    note: noteText.optional(),
  })
  .refine(({ cursor, failedBefore }) => cursor === undefined || failedBefore !== undefined, {
    path: ['failedBefore'],
    message: 'goes with a cursor, as the call before answered it: or the run would meet its own failures again',
  });

const report = z
  .object({
    id: z.string(),
    outcome: z.enum(['applied', 'stale', 'duplicate', 'ignored', 'parked', 'dead', 'changed', 'failed']),
    reason: z.enum(REASONS).nullable(),
    message: z.string().nullable(),
  })
  .openapi('RedriveReport');
const run = z
  .object({
    dryRun: z.boolean(),
    failedBefore: instantText,
    reports: z.array(report),
    histogram: z.record(z.string(), z.int()).meta({ description: 'Letters by outcome' }),
    next: z.string().nullable().meta({ description: 'The cursor of the next call, null when all were tried' }),
  })
  .openapi('RedriveRun');

const oneRoute = createRoute({
  method: 'post',
  path: '/dead-letters/{id}/redrive',
  tags: ['dead letters'],
  summary: 'Try a dead letter again, as it is or corrected',
  request: { params: letterIdParameter, headers: actorHeader, body: jsonBody('Redrive') },
  responses: {
    200: json('What became of it: parked and dead mean that it failed again', report),
    409: problemAnswer('The letter is closed, or changed meanwhile'),
  },
});

const manyRoute = createRoute({
  method: 'post',
  path: '/dead-letters/redrive',
  tags: ['dead letters'],
  summary: 'Try up to 1,000 dead letters again, oldest failure first',
  request: { headers: actorHeader, body: jsonBody('BulkRedrive') },
  responses: { 200: json('What became of each', run) },
});

export interface RedriveDeps {
  readonly redrive: RedriveOperations;
  readonly limits: ApiLimits;
  readonly now: () => number;
}

/**
 * Trying letters again. The ledger makes it safe to do twice, so an answer that was lost is asked for again; one letter
 * that somebody else closed or tried meanwhile is a 409, among many it is reported as changed.
 */
export function redriveRoutes(api: OpenAPIHono, deps: RedriveDeps): void {
  registerBody(api, 'Redrive', redrive);
  registerBody(api, 'BulkRedrive', bulk);
  api.openapi(oneRoute, async (c) => {
    const { id } = c.req.valid('param');
    const body = await readAs(c, redrive, deps.limits.jsonBodyBytes);
    const by = { actor: c.req.valid('header')['x-actor'], note: body.note ?? null };
    const result = await deps.redrive.redriveOne(id, toChange(body), by, body.dryRun);
    if (!result.found) throw noSuchLetter();
    if ('invalid' in result) throw refusedEdit(result.invalid);
    if (result.report.outcome === 'changed') throw new HttpProblem(409, `Nothing was tried: ${result.report.message}.`);
    return c.json(result.report, 200);
  });
  api.openapi(manyRoute, async (c) => {
    const body = await readAs(c, bulk, deps.limits.jsonBodyBytes);
    const { dryRun, limit } = body;
    // Never in the future: letters that fail in this run would be met again by its next call.
    const failedBefore = Math.min(body.failedBefore ?? Number.POSITIVE_INFINITY, deps.now());
    const key = body.cursor === undefined ? null : decodeCursor('redrive', body.cursor, isLetterId);
    const after = key === null ? null : { lastFailedAt: key.at, id: key.id };
    const by = { actor: c.req.valid('header')['x-actor'], note: body.note ?? null };
    const result = await deps.redrive.redriveMany(toFilter(body.filter), { failedBefore, limit, after, dryRun }, by);
    const { reports, histogram, next } = result;
    const cursor = next === null ? null : encodeCursor('redrive', { at: next.lastFailedAt, id: next.id });
    return c.json(
      { dryRun, failedBefore: new Date(failedBefore).toISOString(), reports, histogram, next: cursor },
      200,
    );
  });
}

/** Null if nothing is edited. Throws a 400 for what is not base64. */
function toChange({
  payload,
  payloadEncoding,
  key,
  keyEncoding,
  eventId,
}: z.output<typeof redrive>): LetterChange | null {
  if (payload === undefined && key === undefined && eventId === undefined) return null;
  return {
    value: payload === undefined ? null : decode('payload', payload, payloadEncoding),
    key: typeof key === 'string' ? decode('key', key, keyEncoding) : key,
    eventId: eventId ?? null,
  };
}

function decode(path: string, text: string, given: z.output<typeof encoding>): Uint8Array {
  const bytes = toBytes(text, given);
  if (bytes !== null) return bytes;
  throw new HttpProblem(400, `The ${path} is not base64.`, { errors: [{ path, message: 'base64 with padding' }] });
}

function refusedEdit(invalid: { reason: string; path: string | null; message: string }): HttpProblem {
  const { reason, path, message } = invalid;
  return new HttpProblem(400, 'The event as corrected is still not valid; nothing was changed.', {
    errors: [{ path: path ?? '', message, reason }],
  });
}
