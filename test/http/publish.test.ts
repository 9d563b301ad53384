import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/errors.ts';
import { AppendError } from '../../src/event-log.ts';
import { decodeRecord } from '../../src/events/index.ts';
import { API_LIMITS } from '../../src/http/limits.ts';
import { type Changes, local, NOW, testApi } from './ports.ts';

const payload = { userId: 'user-1', email: 'ann@example.com', name: 'Ann', unknown: [1] };
const whole = {
  eventId: 'e-1',
  eventType: 'UserCreated',
  version: 1,
  occurredAt: '2026-11-20T10:15:30+02:00',
  payload,
};
const bare = { eventType: 'UserCreated', payload };
const limits = { maxEventBytes: 256 * 1024, maxClockAheadMs: 3_600_000, unknownTypes: 'dead' as const };

type Problem = { status: number; detail: string; errors?: Array<Record<string, unknown>> };
type Accepted = { accepted: number; events: Array<{ eventId: string; offset: string }> };

async function post(body: RequestInit & { json?: unknown }, changes: Changes = {}, path = '/events') {
  const { api, asked } = testApi(changes);
  const response = await api.request(path, local(body));
  return { status: response.status, body: (await response.json()) as Problem & Accepted, asked, response };
}

const text = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  post({ method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

describe('POST /events', () => {
  test('appends one event as it was given, under the key of its entity', async () => {
    const { status, body, asked } = await post({ json: { ...whole, extra: true } });
    expect([status, body]).toEqual([
      202,
      { accepted: 1, events: [{ eventId: 'e-1', topic: 'order-events', partition: 0, offset: '0' }] },
    ]);
    const [record] = asked.appended;
    expect(Buffer.from(record?.key ?? []).toString()).toBe('user-1');
    expect(JSON.parse(Buffer.from(record?.value ?? []).toString())).toEqual({ ...whole, extra: true });
  });

  test('fills in both eventId and occurredAt, different ids for each event', async () => {
    const { body, asked } = await post({ json: [bare, bare] });
    const values = asked.appended.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()));
    expect(values.map(({ occurredAt }) => occurredAt)).toEqual(Array(2).fill(new Date(NOW).toISOString()));
    expect(values.map(({ eventId }) => eventId)).toEqual(body.events.map(({ eventId }) => eventId));
    expect(new Set(body.events.map(({ eventId }) => eventId)).size).toBe(2);
  });

  test('whatever it accepts, the decoder accepts', async () => {
    const { asked } = await post({ json: [bare, whole] });
    for (const record of asked.appended) {
      const decoded = decodeRecord({ key: record.key, value: record.value, headers: [] }, limits, NOW);
      expect(decoded.kind).toBe('event');
    }
  });

  test.each([
    ['eventId', { ...bare, occurredAt: whole.occurredAt }],
    ['occurredAt', { ...bare, eventId: 'e-1' }],
  ])('a missing %s beside the other is a 400', async (missing, event) => {
    const { status, body, asked } = await post({ json: event });
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      expect.objectContaining({ path: missing, message: expect.stringContaining('together') }),
    ]);
    expect(asked.appended).toEqual([]);
  });

  test('names every bad field of every event by index and path, and appends none', async () => {
    const bad = { ...whole, occurredAt: 'yesterday', payload: { ...payload, email: 'x', name: '' } };
    const { status, body, asked } = await post({ json: [whole, bad, 5, { ...whole, eventType: 'Foreign' }] });
    expect([status, asked.appended]).toEqual([400, []]);
    const paths = body.errors?.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['[1].occurredAt', '[1].payload.email', '[1].payload.name', '[2]']));
    expect(paths).toContain('[3].eventType');
    expect(body.errors?.every(({ reason }) => typeof reason === 'string')).toBe(true);
    expect(body.detail).toContain('3 of 4');
  });

  test('of a single event the paths have no index', async () => {
    const { body } = await post({ json: { ...whole, payload: { ...payload, name: '' } } });
    expect(body.errors?.map(({ path }) => path)).toEqual(['payload.name']);
  });

  test('an event of the future is a 400', async () => {
    const { body } = await post({ json: { ...whole, occurredAt: '2099-01-01T00:00:00Z' } });
    expect(body.errors).toEqual([expect.objectContaining({ path: 'occurredAt', reason: 'OCCURRED_IN_FUTURE' })]);
  });

  test('takes 1,000 events, not 1,001 and not none', async () => {
    expect((await post({ json: Array(1000).fill(bare) })).body.accepted).toBe(1000);
    expect((await post({ json: Array(1001).fill(bare) })).status).toBe(400);
    expect((await post({ json: [] })).status).toBe(400);
  });

  test('an event that is too large or nested too deep is a 400', async () => {
    const large = { ...whole, payload: { ...payload, note: 'x'.repeat(256 * 1024) } };
    expect((await post({ json: [large] })).body.errors).toEqual([expect.objectContaining({ reason: 'TOO_LARGE' })]);
    const deep = `{"eventType":"UserCreated","payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect((await text(deep)).body.errors).toEqual([expect.objectContaining({ reason: 'INVALID_JSON' })]);
  });

  test('keeps a valid traceparent with the record and leaves out any other', async () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const sent = await post({ json: whole, headers: { traceparent: trace } });
    expect(sent.asked.appended[0]?.headers).toEqual([['traceparent', Buffer.from(trace)]]);
    expect((await post({ json: whole, headers: { traceparent: 'nonsense' } })).asked.appended[0]?.headers).toEqual([]);
  });

  test('a partly failed append is a 503 that lists which ids are in the log', async () => {
    const acknowledged = [{ topic: 'order-events', partition: 0, offset: 5n }, null];
    const append = async () => {
      throw new AppendError('broker away', acknowledged, new Error('secret'));
    };
    const { status, body, response } = await post({ json: [whole, { ...whole, eventId: 'e-2' }] }, { log: { append } });
    expect([status, response.headers.get('retry-after')]).toEqual([503, '5']);
    expect(body.errors).toMatchObject([
      { path: '[0]', eventId: 'e-1', acknowledged: true },
      { path: '[1]', eventId: 'e-2', acknowledged: false },
    ]);
    expect(JSON.stringify(body)).not.toMatch(/secret|broker/);
  });

  test('a log that is away is a 503', async () => {
    const append = async () => {
      throw new PipelineError('outage', 'X', 'secret');
    };
    expect((await post({ json: whole }, { log: { append } })).status).toBe(503);
  });
});

describe('bodies', () => {
  test('malformed JSON is a 400 that says where', async () => {
    const { status, body } = await text('{\n  "eventType": }');
    expect([status, body.detail]).toEqual([400, 'The body is not JSON: unexpected text at line 2, column 16.']);
    expect((await text('{"a":')).body.detail).toContain('ends too early');
    expect((await text('')).body.detail).toContain('empty');
  });

  test('invalid UTF-8 is a 400, a BOM is none of our business', async () => {
    const [before, after] = JSON.stringify(whole).split('Ann');
    const invalid = Buffer.concat([Buffer.from(`${before}A`), Buffer.from([0xff]), Buffer.from(`${after}`)]);
    expect((await text(new Uint8Array(invalid))).status).toBe(400);
    expect((await text(`\ufeff${JSON.stringify(whole)}`)).status).toBe(202);
  });

  test.each([
    ['text/json', 415],
    ['application/json; charset=latin1', 415],
    ['application/jsonx', 415],
    ['application/problem+json', 415],
    ['application/json; charset=utf-8', 202],
    ['Application/JSON;charset="UTF-8"', 202],
  ])('the content type %s is a %i', async (type, status) => {
    expect((await text(JSON.stringify(whole), { 'content-type': type })).status).toBe(status);
  });

  test('a compressed body is a 415', async () => {
    expect((await text(JSON.stringify(whole), { 'content-encoding': 'gzip' })).status).toBe(415);
  });

  test('a body declared too large is a 413 before it is read', async () => {
    const body = new ReadableStream({ pull: () => expect.unreachable() }, { highWaterMark: 0 });
    const headers = { 'content-type': 'application/json', 'content-length': `${API_LIMITS.jsonBodyBytes + 1}` };
    const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit;
    expect((await post(init)).status).toBe(413);
  });

  test('a body of undeclared length is not read beyond the limit', async () => {
    let pulled = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(1024).fill(0x20));
        if (pulled === 100) controller.close();
      },
    });
    const small = { limits: { ...API_LIMITS, jsonBodyBytes: 10 * 1024 } };
    const init = {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
      duplex: 'half',
    } as RequestInit;
    expect((await post(init, small)).status).toBe(413);
    expect(pulled).toBeLessThan(15);
  });

  test('a body that breaks off is a 400', async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error('reset')) });
    const init = {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
      duplex: 'half',
    } as RequestInit;
    expect((await post(init)).status).toBe(400);
  });
});

describe('POST /events/raw', () => {
  const raw = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}, changes: Changes = {}) =>
    post(
      { method: 'POST', body, headers: { 'content-type': 'application/octet-stream', ...headers } },
      changes,
      '/events/raw',
    );

  test('appends the bytes unvalidated, under the key given', async () => {
    const bytes = new Uint8Array([0xff, 0x00, 0x7b]);
    const { status, body, asked } = await raw(bytes, { 'x-record-key': 'k\u00e9y' });
    expect([status, body]).toEqual([202, { topic: 'order-events', partition: 0, offset: '0' }]);
    expect(Buffer.from(asked.appended[0]?.value ?? []).equals(bytes)).toBe(true);
    expect([...(asked.appended[0]?.key ?? [])]).toEqual([0x6b, 0xe9, 0x79]);
  });

  test('without a key the record has none, and no body is an empty value', async () => {
    const { asked } = await raw('');
    expect(asked.appended).toEqual([{ key: null, value: Buffer.alloc(0), headers: [] }]);
  });

  test('more than an event may have can be tried, more than that is a 413', async () => {
    expect((await raw(new Uint8Array(300 * 1024))).status).toBe(202);
    expect((await raw(new Uint8Array(API_LIMITS.rawBodyBytes + 1))).status).toBe(413);
  });

  test('a log that does not acknowledge it is a 503', async () => {
    const append = async () => {
      throw new AppendError('away', [null], null);
    };
    expect((await raw('x', {}, { log: { append } })).status).toBe(503);
  });
});

describe('POST /events/generate', () => {
  const generate = (json: unknown) => post({ json }, {}, '/events/generate');

  test('the same seed gives the same bytes', async () => {
    const [first, again] = [await generate({ count: 20, seed: 'a' }), await generate({ count: 20, seed: 'a' })];
    expect(first.body).toMatchObject({ accepted: 20 });
    expect(again.asked.appended).toEqual(first.asked.appended);
  });

  test.each([
    { count: 0, seed: 1 },
    { count: 10_001, seed: 1 },
    { count: 1.5, seed: 1 },
    { count: 5 },
    { seed: 1 },
    [],
    null,
  ])('%j is a 400 that names the field', async (json) => {
    const { status, body } = await generate(json);
    expect(status).toBe(400);
    expect(body.errors?.length).toBeGreaterThan(0);
  });

  test('an unknown field is a 400', async () => {
    expect((await generate({ count: 1, seed: 1, sed: 1 })).status).toBe(400);
  });
});
