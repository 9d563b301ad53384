import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { EVENT_TYPES, isIdentifier, REASONS } from '../events/index.ts';
import type { ProcessedEvent, Reads } from '../reads.ts';
import { decodeCursor, page } from './cursor.ts';
import { LETTER_STATES, letterSummary } from './letter-view.ts';
import { json } from './openapi.ts';
import { idText, instantText, offsetText, pageOf, pageParameters } from './parameters.ts';
import { HttpProblem } from './problem.ts';

const logPosition = { topic: z.string(), partition: z.int(), offset: offsetText };

const processedEvent = z
  .object({
    eventId: idText,
    eventType: z.enum(EVENT_TYPES),
    entityId: idText,
    outcome: z.enum(['applied', 'stale']),
    occurredAt: instantText,
    processedAt: instantText,
    ...logPosition,
  })
  .openapi('ProcessedEvent');

const eventStatus = z
  .object({
    eventId: idText,
    eventType: z.string().nullable(),
    status: z.enum(['applied', 'stale', ...LETTER_STATES]),
    ...logPosition,
    occurredAt: instantText.nullable(),
    processedAt: instantText.nullable(),
    reason: z.enum(REASONS).nullable(),
    deadLetters: z.array(letterSummary).readonly(),
  })
  .openapi('EventStatus');

const processedRoute = createRoute({
  method: 'get',
  path: '/events/processed',
  tags: ['events'],
  summary: 'Events that were applied or found stale, newest first',
  request: { query: pageParameters.extend({ eventType: z.enum(EVENT_TYPES).optional() }) },
  responses: { 200: json('A page of events', pageOf(processedEvent).openapi('ProcessedEventPage')) },
});

const eventRoute = createRoute({
  method: 'get',
  path: '/events/{eventId}',
  tags: ['events'],
  summary: 'What became of an event',
  request: { params: z.object({ eventId: idText }) },
  responses: { 200: json('Where the event is', eventStatus) },
});

/** What became of events. The ledger decides; an event known only by its letters has no times. */
export function eventRoutes(api: OpenAPIHono, reads: Pick<Reads, 'event' | 'processedEvents'>): void {
  // Before the route with the id, which would take "processed" for one.
  api.openapi(processedRoute, async (c) => {
    const { limit, cursor, eventType } = c.req.valid('query');
    const after = cursor === undefined ? null : decodeCursor('processed', cursor, isIdentifier);
    const filter = eventType === undefined ? {} : { eventType };
    const events = await reads.processedEvents(filter, { limit: limit + 1, after });
    return c.json(page(events, { limit, listing: 'processed' }, keyOf), 200);
  });
  api.openapi(eventRoute, async (c) => {
    const status = await reads.event(c.req.valid('param').eventId);
    if (status === null) throw new HttpProblem(404, 'No event with this id has been read, or it is forgotten.');
    return c.json(status, 200);
  });
}

function keyOf(event: ProcessedEvent) {
  return { at: event.processedAt, id: event.eventId };
}
