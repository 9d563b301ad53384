import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/errors.ts';
import { API_LIMITS } from '../../src/http/limits.ts';
import { type Changes, local, testApi } from './ports.ts';

async function problemOf(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = (await response.json()) as { status: number; detail: string; errors?: { path: string }[] };
  expect(problem).toMatchObject({ type: expect.any(String), title: expect.any(String), detail: expect.any(String) });
  expect(problem.status).toBe(response.status);
  return problem;
}

describe('paths and methods', () => {
  const { api } = testApi();

  test.each(['/', '/nothing', '/users', '/users/', '/users/user-1/', '/users/a/b/c', '/docs/x/y', '/EVENTS'])(
    'the unknown path %s is a 404',
    async (path) => {
      const response = await api.request(path);
      expect((await problemOf(response)).status).toBe(404);
    },
  );

  test.each([
    ['DELETE', '/orders/order-1', 'GET, HEAD'],
    ['POST', '/orders/order-1', 'GET, HEAD'],
    ['OPTIONS', '/health', 'GET, HEAD'],
    ['GET', '/events', 'POST'],
    ['HEAD', '/events', 'POST'],
    ['PUT', '/events/processed', 'GET, HEAD'],
    ['DELETE', '/events/generate', 'GET, HEAD, POST'],
    ['POST', '/events/event-1', 'GET, HEAD'],
    ['GET', '/dead-letters/a:1:2/redrive', 'POST'],
    ['PATCH', '/dead-letters/redrive', 'GET, HEAD, POST'],
  ])('%s %s is a 405 that allows %s', async (method, path, allow) => {
    const response = await api.request(path, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
  });

  test('HEAD answers as GET does, without the body', async () => {
    const [get, head] = [
      await api.request('/orders/order-1'),
      await api.request('/orders/order-1', { method: 'HEAD' }),
    ];
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(Object.fromEntries(head.headers)).toEqual(Object.fromEntries(get.headers));
    expect((await api.request('/orders/none', { method: 'HEAD' })).status).toBe(404);
  });

  test.each(['/users/none', '/orders/none', '/inventory/none', '/events/none', '/dead-letters/topic:1:2'])(
    'the unknown id of %s is a 404',
    async (path) => {
      await problemOf(await api.request(path));
      expect((await api.request(path)).status).toBe(404);
    },
  );

  test.each(['%20', 'a%20b', '%2Ehidden', 'a%00', 'x'.repeat(65), '%C3%A9', "a'%0Aselect"])(
    'the id %s, which cannot exist, is a 404 and never reaches the store',
    async (id) => {
      const never = async () => expect.unreachable();
      const strict = testApi({ reads: { user: never, order: never, inventory: never, event: never } });
      for (const path of ['users', 'orders', 'inventory', 'events', 'dead-letters']) {
        expect([path, (await strict.api.request(`/${path}/${id}`)).status]).toEqual([path, 404]);
      }
    },
  );

  test('ids are percent-decoded once', async () => {
    const seen: string[] = [];
    const order = async (id: string) => {
      seen.push(id);
      return null;
    };
    const spy = testApi({ reads: { order } });
    for (const path of ['a%2Fb', 'a%25zz', 'a%2541', 'a%3F%23', 'a%5C', 'a+b', '%61']) {
      await spy.api.request(`/orders/${path}`);
    }
    expect(seen).toEqual(['a/b', 'a%zz', 'a%41', 'a?#', 'a\\', 'a+b', 'a']);
  });

  test.each(['/orders/a%zz', '/orders/a%', '/orders/%ff', '/%c3%28'])(
    'the malformed path %s is a 400',
    async (path) => {
      expect((await problemOf(await api.request(path))).status).toBe(400);
    },
  );

  test('"processed" is the list, not an event', async () => {
    expect(await (await api.request('/events/processed')).json()).toHaveProperty('items');
  });
});

describe('query parameters', () => {
  const { api } = testApi();

  test.each(['/users/user-1?x=1', '/events/processed?typ=OrderPlaced', '/health?x', '/dead-letters?State=dead'])(
    'an unknown one is a 400 that names it: %s',
    async (path) => {
      const problem = await problemOf(await api.request(path));
      expect(problem.status).toBe(400);
      expect(problem.errors).toHaveLength(1);
    },
  );

  test('an unknown one is answered with the known names', async () => {
    const problem = await problemOf(await api.request('/events/processed?typ=OrderPlaced'));
    expect(problem.detail).toContain('limit, cursor, eventType');
  });

  test.each(['0', '501', '-1', '1.5', '1e2', '0x10', 'ten', '', '%20', '5&limit=5', '99999999999999999999'])(
    'limit=%s is a 400',
    async (limit) => {
      const problem = await problemOf(await api.request(`/events/processed?limit=${limit}`));
      expect([problem.status, problem.errors?.[0]?.path]).toEqual([400, 'limit']);
    },
  );

  test.each(['eventType=orderplaced', 'cursor=x', 'cursor='])('%s is a 400', async (query) => {
    expect((await api.request(`/events/processed?${query}`)).status).toBe(400);
  });

  test('pages follow each other until there is no next', async () => {
    const seen: string[] = [];
    let path = '/users/user-1/orders?limit=3';
    for (let pages = 0; pages < 3; pages++) {
      const page = (await (await api.request(path)).json()) as { items: { orderId: string }[]; next: string | null };
      seen.push(...page.items.map(({ orderId }) => orderId));
      if (page.next === null) break;
      path = `/users/user-1/orders?limit=3&cursor=${page.next}`;
    }
    expect(seen).toEqual(['order-0', 'order-1', 'order-2', 'order-3', 'order-4', 'order-5', 'order-6']);
  });
});

describe('failures', () => {
  const secret = 'select * from store.orders; password=hunter2';
  const failing = (error: unknown): Changes => ({
    reads: {
      order: async () => {
        throw error;
      },
    },
  });

  test.each(['outage', 'timeout', 'race', 'unforeseen'] as const)('%s is a 503 to be tried again', async (kind) => {
    const { api, asked } = testApi(failing(new PipelineError(kind, '08006', secret)));
    const response = await api.request('/orders/order-1');
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    expect(JSON.stringify(await problemOf(response))).not.toContain('hunter2');
    expect(asked.failures).toMatchObject([{ method: 'GET', path: '/orders/order-1', status: 503 }]);
  });

  test.each([
    new PipelineError('defect', '42P01', secret),
    new PipelineError('data', '22003', secret),
    new TypeError(secret),
    new Error(secret),
  ])('%s is a 500 that tells nothing, and is reported', async (error) => {
    const { api, asked } = testApi(failing(error));
    const text = JSON.stringify(await problemOf(await api.request('/orders/order-1')));
    expect(text).toContain('"status":500');
    expect(text).not.toMatch(/hunter2|select|\.ts|\bat \//);
    expect(asked.failures).toEqual([{ method: 'GET', path: '/orders/order-1', status: 500, error }]);
  });

  test('an answer that takes too long is a 503', async () => {
    const limits = { ...API_LIMITS, requestMs: 20 };
    const { api } = testApi({ limits, reads: { order: () => new Promise(() => {}) } });
    expect((await problemOf(await api.request('/orders/order-1'))).status).toBe(503);
  });

  test('not ready is a 503 that says why', async () => {
    const reasons = ['Partition 3 is paused: outage.', 'The clocks differ.'];
    const { api } = testApi({ readiness: () => ({ ready: false, reasons }) });
    expect(await problemOf(await api.request('/ready'))).toMatchObject({ status: 503, detail: reasons.join(' ') });
  });
});

test.each(['/orders/order-1', '/orders/none', '/nothing', '/health', '/docs', '/events?x=1'])(
  '%s has the security headers',
  async (path) => {
    const { headers } = await testApi().api.request(path, local());
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.has('x-powered-by')).toBe(false);
  },
);

test('metrics are text of the type that the registry names', async () => {
  const response = await testApi().api.request('/metrics');
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await response.text()).toBe('up 1\n');
});

test('health is 200 when degraded and 503 when down', async () => {
  const report = await (await testApi().api.request('/health')).json();
  for (const [status, code] of [
    ['degraded', 200],
    ['down', 503],
  ] as const) {
    const { api } = testApi({ health: () => ({ ...(report as object), status }) as never });
    const response = await api.request('/health');
    expect([response.status, await response.json()]).toEqual([code, { ...(report as object), status }]);
  }
});
