import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { AppendError, type EventLog, type NewRecord, type RecordHeader, type RecordPosition } from '../event-log.ts';
import {
  type Content,
  type DecodeLimits,
  encodeEvent,
  newEventSchema,
  recordKey,
  type SentEvent,
} from '../events/index.ts';
import { readAs, readBytes, readJson } from './body.ts';
import { type AcceptedEvent, checkEvents, type Identity } from './incoming-events.ts';
import { type ApiLimits, MAX_EVENTS_PER_REQUEST, MAX_GENERATED_EVENTS } from './limits.ts';
import { json, jsonBody, registerBody } from './openapi.ts';
import { idText, offsetText } from './parameters.ts';
import { HttpProblem } from './problem.ts';

const position = { topic: z.string(), partition: z.int(), offset: offsetText };
const accepted = z
  .object({
    accepted: z.int(),
    events: z.array(z.object({ eventId: idText, ...position })).meta({ description: 'In the order given' }),
  })
  .openapi('Accepted');

const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
const traceHeader = { traceparent: z.string().optional().openapi({ description: 'Kept with the event (W3C)' }) };

const NEW_EVENT = { $ref: '#/components/schemas/NewEvent' };
const NEW_EVENTS = {
  anyOf: [NEW_EVENT, { type: 'array' as const, items: NEW_EVENT, minItems: 1, maxItems: MAX_EVENTS_PER_REQUEST }],
};
const generation = z.strictObject({
  count: z.int().min(1).max(MAX_GENERATED_EVENTS),
  seed: z.union([z.string().min(1).max(100), z.int()]).meta({ description: 'The same seed gives the same bytes' }),
});

const eventsRoute = createRoute({
  method: 'post',
  path: '/events',
  tags: ['events'],
  summary: 'Publish an event, or up to 1,000: all or none are valid',
  description: 'eventId and occurredAt are both given or both filled in. With ids a repeated request changes nothing.',
  request: { headers: z.object(traceHeader), body: jsonBody('NewEvents') },
  responses: { 202: json('In the log; what becomes of them is at /events/{eventId}', accepted) },
});

const rawRoute = createRoute({
  method: 'post',
  path: '/events/raw',
  tags: ['events'],
  summary: 'Append any bytes, to see what becomes of a broken event',
  request: {
    headers: z.object({
      'x-record-key': z.string().optional().openapi({ description: 'The record key; none without it' }),
      ...traceHeader,
    }),
    body: { required: true, content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } },
  },
  responses: { 202: json('In the log', z.object(position).openapi('RecordPosition')) },
});

const generateRoute = createRoute({
  method: 'post',
  path: '/events/generate',
  tags: ['events'],
  summary: 'Publish a sample: users, their orders, payments and inventory',
  request: { body: jsonBody('Generation') },
  responses: { 202: json('In the log', accepted) },
});

/** Gives `count` valid, related events; the same seed gives the same events. */
export type SampleEvents = (what: { readonly count: number; readonly seed: string | number }) => Iterable<SampleEvent>;
type SampleEvent = SentEvent & Content;

export interface PublishDeps {
  readonly log: Pick<EventLog, 'append'>;
  readonly limits: ApiLimits;
  readonly eventLimits: DecodeLimits;
  /** ms since 1970. */
  readonly now: () => number;
  /** A new UUIDv7. */
  readonly newEventId: () => string;
  readonly sampleEvents: SampleEvents;
}

/**
 * Ways into the log. An answer of 202 means acknowledged by the log, not applied: what the contract cannot tell, such as a
 * missing parent or a taken email, shows only when the event is read.
 */
export function publishRoutes(api: OpenAPIHono, deps: PublishDeps): void {
  const { log, limits, eventLimits, now, newEventId, sampleEvents } = deps;
  registerBody(api, 'NewEvent', newEventSchema);
  api.openAPIRegistry.registerComponent('schemas', 'NewEvents', NEW_EVENTS);
  registerBody(api, 'Generation', generation);
  api.openapi(eventsRoute, async (c) => {
    const body = await readJson(c, limits.jsonBodyBytes);
    const time = now();
    const identity: Identity = { newEventId, occurredAt: new Date(time).toISOString() };
    const events = checkEvents(body, { identity, limits: eventLimits, now: time });
    return c.json(await publish(log, events, headersOf(c.req.header('traceparent'))), 202);
  });
  api.openapi(rawRoute, async (c) => {
    const value = await readBytes(c, 'application/octet-stream', limits.rawBodyBytes);
    const recordKey = c.req.header('x-record-key');
    // A header's characters are its bytes (latin1), so that a key of any bytes can be tried.
    const key = recordKey === undefined ? null : Buffer.from(recordKey, 'latin1');
    const [where] = await append(log, [{ key, value, headers: headersOf(c.req.header('traceparent')) }], [null]);
    if (where === undefined) throw new TypeError('the log acknowledged nothing');
    return c.json(showPosition(where), 202);
  });
  api.openapi(generateRoute, async (c) => {
    const { count, seed } = await readAs(c, generation, limits.jsonBodyBytes);
    const events = [...sampleEvents({ count, seed })].map((event) => ({
      eventId: event.eventId,
      key: Buffer.from(recordKey(event), 'utf8'),
      value: encodeEvent(event),
    }));
    return c.json(await publish(log, events, []), 202);
  });
}

async function publish(
  log: Pick<EventLog, 'append'>,
  events: readonly AcceptedEvent[],
  headers: readonly RecordHeader[],
): Promise<z.infer<typeof accepted>> {
  const ids = events.map(({ eventId }) => eventId);
  const records = events.map(({ key, value }) => ({ key, value, headers }));
  const positions = await append(log, records, ids);
  const placed = positions.map((where, i) => ({ eventId: ids[i] ?? '', ...showPosition(where) }));
  return { accepted: placed.length, events: placed };
}

async function append(
  log: Pick<EventLog, 'append'>,
  records: readonly NewRecord[],
  ids: ReadonlyArray<string | null>,
): Promise<RecordPosition[]> {
  try {
    return await log.append(records);
  } catch (error) {
    throw error instanceof AppendError ? notAcknowledged(error, ids) : error;
  }
}

/** Says of every event whether it is in the log, so that the client knows what a repetition would send twice. */
function notAcknowledged(error: AppendError, ids: ReadonlyArray<string | null>): HttpProblem {
  const errors = ids.map((eventId, i) => {
    const acknowledged = (error.acknowledged[i] ?? null) !== null;
    const message = acknowledged ? 'in the log' : 'not known to be in the log';
    return { path: `[${i}]`, message, acknowledged, ...(eventId === null ? {} : { eventId }) };
  });
  const detail = 'The log did not acknowledge every event. Sending them again with the ids listed here is safe.';
  return new HttpProblem(503, detail, { errors, cause: error });
}

/** A malformed traceparent is left out, as the W3C asks for. */
function headersOf(traceparent: string | undefined): RecordHeader[] {
  if (traceparent === undefined || !TRACEPARENT.test(traceparent)) return [];
  return [['traceparent', Buffer.from(traceparent, 'latin1')]];
}

function showPosition({ topic, partition, offset }: RecordPosition) {
  return { topic, partition, offset: offset.toString() };
}
