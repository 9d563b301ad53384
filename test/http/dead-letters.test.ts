import { describe, expect, test } from 'vitest';
import { toBytes, viewBytes } from '../../src/http/letter-view.ts';
import { type Changes, CLOSED_LETTER, LETTER, letter, local, NOW, PLACED_AT, testApi } from './ports.ts';

type Json = Record<string, unknown> & { errors?: Array<Record<string, unknown>>; items?: unknown[]; next?: string };

async function ask(path: string, init: RequestInit & { json?: unknown } = {}, changes: Changes = {}) {
  const { api, asked } = testApi(changes);
  const response = await api.request(path, local(init));
  return { status: response.status, body: (await response.json()) as Json, calls: asked.calls };
}

describe('bytes', () => {
  test.each([[[]], [[0x41]], [[0xef, 0xbb, 0xbf, 0x41]], [[0]], [[0xff]], [[0xed, 0xa0, 0x80]], [[0xc3, 0x28]]])(
    '%j come back exactly from how they are shown',
    (values) => {
      const bytes = new Uint8Array(values);
      const { text, encoding } = viewBytes(bytes);
      expect([...(toBytes(JSON.parse(JSON.stringify(text)), encoding) ?? [])]).toEqual(values);
    },
  );

  test('are shown as text where they are text', () => {
    expect(viewBytes(Buffer.from('Grüße 🎉'))).toEqual({ text: 'Grüße 🎉', encoding: 'utf8' });
    expect(viewBytes(new Uint8Array([0xff]))).toEqual({ text: '/w==', encoding: 'base64' });
  });

  test.each(['a', '/w=', '/w', 'a b=', '_w=='])('%j is not base64', (text) => {
    expect(toBytes(text, 'base64')).toBeNull();
  });
});

describe('reading', () => {
  test('a letter shows its bytes, headers and history', async () => {
    const { body } = await ask(`/dead-letters/${LETTER}`);
    expect(body).toMatchObject({
      key: 'order-1',
      keyEncoding: 'utf8',
      payload: '/wD+',
      payloadEncoding: 'base64',
      editedPayload: null,
      editedPayloadEncoding: null,
      headers: [{ valueEncoding: 'utf8' }, { value: 'gA==', valueEncoding: 'base64' }],
      actions: [{ actor: 'ann', editedPayload: '{', editedPayloadEncoding: 'utf8' }],
    });
    expect(body).not.toHaveProperty('value');
  });

  test('every filter reaches the store, times as milliseconds', async () => {
    const query =
      'state=dead&reason=INVALID_JSON&eventType=Foreign%20type&entityId=order-1&failedBefore=2026-11-20T12:00:00%2B02:00&failedAfter=2026-01-01T00:00:00Z&limit=1';
    const { body, calls } = await ask(`/dead-letters?${query}`);
    const filter = {
      state: 'dead',
      reason: 'INVALID_JSON',
      eventType: 'Foreign type',
      entityId: 'order-1',
      failedBefore: Date.UTC(2026, 10, 20, 10),
      failedAfter: Date.UTC(2026, 0, 1),
    };
    expect(calls).toEqual([['list', filter, { limit: 2, after: null }]]);
    expect([body.items?.length, typeof body.next]).toEqual([1, 'string']);
    const next = await ask(`/dead-letters?cursor=${body.next}`);
    expect(next.calls).toEqual([['list', {}, { limit: 51, after: { lastFailedAt: PLACED_AT, id: LETTER } }]]);
  });

  test.each([
    'state=open',
    'reason=X',
    'entityId=%20',
    'eventType=%00',
    'failedBefore=yesterday',
    'failedAfter=2026-02-30T00:00:00Z',
  ])('%s is a 400', async (query) => {
    expect((await ask(`/dead-letters?${query}`)).status).toBe(400);
  });

  test('stats have the total and the age of the oldest', async () => {
    const { body } = await ask('/dead-letters/stats');
    const oldestAgeSeconds = Math.floor((NOW - Date.parse(PLACED_AT)) / 1000);
    expect(body).toMatchObject({
      total: 2,
      counts: [{ state: 'dead', reason: 'INVALID_JSON', count: 2, oldestAgeSeconds }],
    });
  });
});

describe('redriving one', () => {
  const redrive = (json: unknown, init: RequestInit = {}, id = LETTER, changes: Changes = {}) =>
    ask(`/dead-letters/${id}/redrive`, { ...init, json }, changes);

  test('an empty object tries the letter as it is, under the name api', async () => {
    const { status, body, calls } = await redrive({});
    expect([status, body['outcome']]).toEqual([200, 'applied']);
    expect(calls).toEqual([['redriveOne', LETTER, null, { actor: 'api', note: null }, false]]);
  });

  test('edits arrive as bytes, with actor, note and dry run', async () => {
    const edit = { payload: '/w==', payloadEncoding: 'base64', key: 'k', eventId: 'e-2', note: 'why', dryRun: true };
    const { calls } = await redrive(edit, { headers: { 'x-actor': 'ann' } });
    const change = { value: Buffer.from([0xff]), key: Buffer.from('k'), eventId: 'e-2' };
    expect(calls).toEqual([['redriveOne', LETTER, change, { actor: 'ann', note: 'why' }, true]]);
  });

  test('a key of null removes it, no key keeps it', async () => {
    expect((await redrive({ key: null })).calls[0]?.[2]).toEqual({ value: null, key: null, eventId: null });
    expect((await redrive({ payload: '{}' })).calls[0]?.[2]).toEqual({
      value: Buffer.from('{}'),
      key: undefined,
      eventId: null,
    });
  });

  test('a closed letter is a 409, an unknown one a 404', async () => {
    expect((await redrive({}, {}, CLOSED_LETTER)).status).toBe(409);
    expect((await redrive({}, {}, 'order-events:0:0')).status).toBe(404);
  });

  test('a correction that is still no event is a 400 that says why', async () => {
    const invalid = { reason: 'INVALID_PAYLOAD' as const, path: 'payload.name', message: 'must be a text' };
    const changes = {
      redrive: { redriveOne: async () => ({ found: true as const, invalid }), redriveMany: unreachable },
    };
    const { status, body } = await redrive({ payload: '{}' }, {}, LETTER, changes);
    expect([status, body.errors]).toEqual([400, [invalid]]);
  });

  test.each([
    { payload: 5 },
    { payload: 'a', payloadEncoding: 'base64' },
    { dryrun: true },
    { eventId: ' ' },
    { note: '' },
    { note: '\ud800' },
    [],
  ])('%j is a 400 that names the field', async (json) => {
    const { status, body, calls } = await redrive(json);
    expect([status, calls]).toEqual([400, []]);
    expect(body.errors?.length).toBeGreaterThan(0);
  });

  test.each(['', 'x'.repeat(101), 'caf\u00e9'])('the actor %j is a 400', async (actor) => {
    expect((await redrive({}, { headers: { 'x-actor': actor } })).status).toBe(400);
  });
});

describe('redriving many', () => {
  const redrive = (json: unknown) => ask('/dead-letters/redrive', { json });

  test('begins now, with at most 1,000', async () => {
    const { body, calls } = await redrive({ filter: { state: 'dead' }, dryRun: true });
    const run = { failedBefore: NOW, limit: 1000, after: null, dryRun: true };
    expect(calls).toEqual([['redriveMany', { state: 'dead' }, run, { actor: 'api', note: null }]]);
    expect(body).toMatchObject({ failedBefore: new Date(NOW).toISOString(), histogram: { applied: 1 }, dryRun: true });
  });

  test('goes on with what the call before answered', async () => {
    const { body } = await redrive({});
    const { calls } = await redrive({ cursor: body.next, failedBefore: body['failedBefore'], limit: 5 });
    expect(calls[0]?.[2]).toEqual({
      failedBefore: NOW,
      limit: 5,
      after: { lastFailedAt: PLACED_AT, id: LETTER },
      dryRun: false,
    });
  });

  test('a cursor without the begin of its run is a 400', async () => {
    const { body } = await redrive({});
    expect((await redrive({ cursor: body.next })).body.errors).toMatchObject([{ path: 'failedBefore' }]);
  });

  test('a begin in the future is now', async () => {
    const { calls } = await redrive({ failedBefore: '2099-01-01T00:00:00Z' });
    expect(calls[0]?.[2]).toMatchObject({ failedBefore: NOW });
  });

  test.each([
    { limit: 0 },
    { limit: 1001 },
    { filter: { stat: 'dead' } },
    { filter: { failedBefore: 'x' } },
    { cursor: 'x', failedBefore: PLACED_AT },
    5,
  ])('%j is a 400', async (json) => {
    const { status, calls } = await redrive(json);
    expect([status, calls]).toEqual([400, []]);
  });
});

describe('closing', () => {
  const discard = (json: unknown, id = LETTER) => ask(`/dead-letters/${id}/discard`, { json });

  test('a discarded letter is told on', async () => {
    const { status, calls } = await discard({ note: 'obsolete' });
    const by = { actor: 'api', note: 'obsolete' };
    expect([status, calls]).toEqual([
      200,
      [
        ['discard', LETTER, null, by],
        ['letterDiscarded', LETTER],
      ],
    ]);
  });

  test('a closed letter or another revision is a 409, an unknown letter a 404', async () => {
    expect((await discard({ note: 'x' }, CLOSED_LETTER)).status).toBe(409);
    expect((await discard({ note: 'x' }, 'order-events:0:0')).status).toBe(404);
    const moved = await discard({ note: 'x', revision: letter.revision - 1 });
    expect([moved.status, moved.calls.length]).toEqual([409, 1]);
    expect((await discard({ note: 'x', revision: letter.revision })).status).toBe(200);
  });

  test.each([{}, { note: '' }, { note: 'x'.repeat(1001) }, { note: 'a\0b' }, { note: 'x', revision: -1 }])(
    '%j is a 400',
    async (json) => {
      expect((await discard(json)).status).toBe(400);
    },
  );
});

describe('quarantine', () => {
  const record = { topic: 'order-events', partition: 3, offset: '9007199254740993', note: 'stuck' };
  const quarantine = (json: unknown) => ask('/dead-letters/quarantine', { json });

  test('asks for the exact offset', async () => {
    const { status, calls } = await quarantine(record);
    const { note, topic, partition } = record;
    const expected = ['quarantine', { topic, partition, offset: 9007199254740993n }, { actor: 'api', note }];
    expect([status, calls]).toEqual([202, [expected]]);
  });

  test('an unknown partition or a record that was read is a 409', async () => {
    expect((await quarantine({ ...record, topic: 'other' })).status).toBe(409);
  });

  test.each([
    { offset: 5 },
    { offset: '-1' },
    { offset: '9223372036854775808' },
    { partition: -1 },
    { topic: '' },
    { note: undefined },
  ])('%j is a 400', async (change) => {
    expect((await quarantine({ ...record, ...change })).status).toBe(400);
  });
});

async function unreachable(): Promise<never> {
  return expect.unreachable();
}
