import { describe, expect, test } from 'vitest';
import { LETTER, local, TOKENS, testApi } from './ports.ts';

const OPEN = ['/health', '/ready', '/openapi.json', '/docs', '/docs/start.js'];
const READS = [
  '/users/user-1',
  '/users/user-1/orders',
  '/orders/order-1',
  '/inventory/sku-1',
  '/events/processed',
  '/events/event-1',
  '/dead-letters',
  '/dead-letters/stats',
  `/dead-letters/${LETTER}`,
  '/metrics',
];
const user = { userId: 'u1', email: 'a@example.com', name: 'Ann' };
const POSTS: Array<[path: string, body: unknown, status: number]> = [
  ['/events', { eventType: 'UserCreated', payload: user }, 202],
  ['/events/raw', null, 202],
  ['/events/generate', { count: 1, seed: 1 }, 202],
  ['/dead-letters/redrive', {}, 200],
  [`/dead-letters/${LETTER}/redrive`, {}, 200],
  [`/dead-letters/${LETTER}/discard`, { note: 'why' }, 200],
  ['/dead-letters/quarantine', { topic: 'order-events', partition: 0, offset: '1', note: 'why' }, 202],
];

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

function post(path: string, body: unknown, headers: Record<string, string> = {}): RequestInit {
  const raw = path === '/events/raw';
  const type = raw ? 'application/octet-stream' : 'application/json';
  return local({
    method: 'POST',
    body: raw ? 'x' : JSON.stringify(body),
    headers: { 'content-type': type, ...headers },
  });
}

test('the tables above name every route', async () => {
  const { api } = testApi();
  const document = (await (await api.request('/openapi.json')).json()) as { paths: Record<string, object> };
  const operations = Object.values(document.paths).flatMap((item) => Object.keys(item));
  expect(operations.filter((method) => method === 'get')).toHaveLength(OPEN.length + READS.length);
  expect(operations.filter((method) => method === 'post')).toHaveLength(POSTS.length);
});

describe('with both tokens', () => {
  const { api } = testApi({ tokens: TOKENS, loopbackOnly: false });
  const status = async (path: string, init: RequestInit) => (await api.request(path, init)).status;

  test.each(OPEN)('GET %s is open', async (path) => {
    expect(await status(path, {})).toBe(200);
  });

  test.each(READS)('GET and HEAD %s need either token', async (path) => {
    for (const method of ['GET', 'HEAD']) {
      expect(await status(path, { method })).toBe(401);
      expect(await status(path, { method, headers: bearer('wrong') })).toBe(401);
      expect(await status(path, { method, headers: bearer(TOKENS.read) })).toBe(200);
      expect(await status(path, { method, headers: bearer(TOKENS.admin) })).toBe(200);
    }
  });

  test.each(POSTS)('POST %s needs the admin token', async (path, body, done) => {
    expect(await status(path, post(path, body))).toBe(401);
    expect(await status(path, post(path, body, bearer('wrong')))).toBe(401);
    expect(await status(path, post(path, body, bearer(TOKENS.read)))).toBe(403);
    expect(await status(path, post(path, body, bearer(TOKENS.admin)))).toBe(done);
    // With a token the Host is the proxy's business.
    expect(await status(path, post(path, body, { ...bearer(TOKENS.admin), host: 'orders.example.com' }))).toBe(done);
  });

  test('a 401 says how to authenticate, and whether it was the token', async () => {
    const none = await api.request('/metrics');
    expect(none.headers.get('www-authenticate')).toBe('Bearer realm="order-pipeline"');
    const wrong = await api.request('/metrics', { headers: bearer('wrong') });
    expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  test.each(['Basic YWRtaW4=', 'Bearer', 'Bearer admin-secre', 'Bearer admin-secretx', 'admin-secret', 'Bearer  '])(
    'the authorization %j is none',
    async (authorization) => {
      expect(await status('/metrics', { headers: { authorization } })).toBe(401);
    },
  );
});

describe('with an admin token only', () => {
  const { api } = testApi({ tokens: { admin: TOKENS.admin, read: null }, loopbackOnly: false });

  test.each(READS)('GET %s is open', async (path) => {
    expect((await api.request(path)).status).toBe(200);
  });

  test.each(POSTS)('POST %s needs it', async (path, body, done) => {
    expect((await api.request(path, post(path, body))).status).toBe(401);
    expect((await api.request(path, post(path, body, bearer(TOKENS.admin)))).status).toBe(done);
  });
});

describe('with a read token only', () => {
  const { api } = testApi({ tokens: { admin: null, read: TOKENS.read } });

  test.each(READS)('GET %s needs it', async (path) => {
    expect((await api.request(path)).status).toBe(401);
    expect((await api.request(path, { headers: bearer(TOKENS.read) })).status).toBe(200);
  });
});

describe('without an admin token', () => {
  const { api } = testApi();
  const status = async (path: string, init: RequestInit) => (await api.request(path, init)).status;

  test.each(POSTS)('POST %s is open to programs of this machine only', async (path, body, done) => {
    for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1:8080', '127.8.9.1', '[::1]:8080', '[::1]']) {
      expect([host, await status(path, post(path, body, { host }))]).toEqual([host, done]);
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'xlocalhost',
      '[::2]',
      '',
    ]) {
      expect([host, await status(path, post(path, body, { host }))]).toEqual([host, 403]);
    }
  });

  test.each(POSTS)('POST %s is refused to web pages of elsewhere', async (path, body, done) => {
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', 'file://localhost']) {
      expect([origin, await status(path, post(path, body, { origin }))]).toEqual([origin, 403]);
    }
    expect(await status(path, post(path, body, { origin: 'http://localhost:8080' }))).toBe(done);
  });

  test.each(POSTS)('POST %s takes only a type that a page cannot send elsewhere unasked', async (path, body) => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '']) {
      expect([type, await status(path, post(path, body, { 'content-type': type }))]).toEqual([type, 415]);
    }
  });

  test.each(POSTS)('POST %s is closed if the service listens on more than loopback', async (path, body) => {
    const outside = testApi({ loopbackOnly: false });
    expect((await outside.api.request(path, post(path, body))).status).toBe(403);
  });
});
