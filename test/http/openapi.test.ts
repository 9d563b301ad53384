import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AppendError } from '../../src/event-log.ts';
import { exampleEvent } from '../../src/events/index.ts';
import { type Changes, CLOSED_LETTER, LETTER, local, TOKENS, testApi } from './ports.ts';

interface Operation {
  readonly security: Array<Record<string, unknown>>;
  readonly parameters?: Array<{ name: string; in: string; schema: object }>;
  readonly requestBody?: { required: boolean; content: Record<string, { schema: { $ref?: string } }> };
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
}

async function documentOf(changes: Changes = {}): Promise<Document> {
  return (await (await testApi(changes).api.request('/openapi.json')).json()) as Document;
}

const document = await documentOf();
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ name: `${method} ${path}`, path, method, operation })),
);

/** A schema of the document as a validator that also refuses fields which the document does not know. */
function validator(schema: object): z.ZodType {
  const closed = JSON.stringify({ ...schema, $defs: document.components.schemas }, (_key, value) =>
    value?.type === 'object' && value.properties && !('additionalProperties' in value)
      ? { ...value, additionalProperties: false }
      : value,
  );
  return z.fromJSONSchema(JSON.parse(closed.replaceAll('#/components/schemas/', '#/$defs/')));
}

describe('the document', () => {
  test('is OpenAPI 3.1 and every reference leads somewhere', () => {
    expect(document.openapi).toBe('3.1.0');
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g);
    for (const [, name] of references) expect(document.components.schemas).toHaveProperty(name ?? '');
  });

  test('has no pattern that only JavaScript understands', () => {
    expect(JSON.stringify(document)).not.toMatch(/\\\\p\{|\/u"/);
  });

  test.each(operations)('$name describes its parameters and every common error', ({ path, method, operation }) => {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const documented = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
    expect(documented.map(({ name }) => name)).toEqual(names);
    const errors = ['400', '500', '503', ...(names.length > 0 ? ['404'] : [])];
    const expected = method === 'post' ? [...errors, '403', '413', '415'] : errors;
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(expected));
    expect(operation.requestBody?.required).toBe(method === 'post' ? true : undefined);
  });

  test('says of tokens what is true of this service', async () => {
    const security = ({ paths }: Document, path: string, method: string) =>
      paths[path]?.[method]?.security.flatMap((scheme) => Object.keys(scheme));
    const both = await documentOf({ tokens: TOKENS });
    expect(security(both, '/orders/{id}', 'get')).toEqual(['readToken', 'adminToken']);
    expect(security(both, '/events', 'post')).toEqual(['adminToken']);
    expect(security(both, '/health', 'get')).toEqual([]);
    expect(both.paths['/orders/{id}']?.['get']?.responses).toHaveProperty('401');
    const admin = await documentOf({ tokens: { ...TOKENS, read: null } });
    expect(security(admin, '/orders/{id}', 'get')).toEqual([]);
    expect(Object.keys(admin.components.securitySchemes)).toEqual(['adminToken']);
    expect(security(document, '/events', 'post')).toEqual([]);
    expect(document.paths['/events']?.['post']?.responses).not.toHaveProperty('401');
  });

  test('accepts the example of every event type and refuses what the contract refuses', () => {
    const schema = validator({ $ref: '#/$defs/NewEvents' });
    for (const type of ['UserCreated', 'OrderPlaced', 'PaymentSettled', 'InventoryAdjusted'] as const) {
      expect(schema.safeParse(exampleEvent(type)).success).toBe(true);
      expect(schema.safeParse([{ ...exampleEvent(type), eventId: '' }]).success).toBe(false);
    }
    expect(schema.safeParse([]).success).toBe(false);
  });
});

const post = (json: unknown) => local({ json });
const raw = { method: 'POST', body: 'x', headers: { 'content-type': 'application/octet-stream' } };
const quarantine = { topic: 'order-events', partition: 0, offset: '1', note: 'why' };
const broken: Changes = {
  log: {
    append: async () => {
      throw new AppendError('away', [null], null);
    },
  },
};

/** Requests that together give every answer of the document at least in one shape. */
const ANSWERS: Array<[path: string, url: string, init: RequestInit, status: number, changes?: Changes]> = [
  ['/users/{id}', '/users/user-1', {}, 200],
  ['/users/{id}', '/users/none', {}, 404],
  ['/users/{id}', '/users/none?x=1', {}, 400],
  ['/users/{id}/orders', '/users/user-1/orders?limit=2', {}, 200],
  ['/users/{id}/orders', '/users/user-1/orders?limit=x', {}, 400],
  ['/orders/{id}', '/orders/order-1', {}, 200],
  ['/inventory/{sku}', '/inventory/sku-1', {}, 200],
  ['/events', '/events', post(exampleEvent('OrderPlaced')), 202],
  ['/events', '/events', post([{}]), 400],
  ['/events', '/events', post([exampleEvent('OrderPlaced')]), 503, broken],
  ['/events', '/events', { ...raw }, 415],
  ['/events', '/events', local({ json: 1, headers: { host: 'evil.example' } }), 403],
  ['/events/raw', '/events/raw', local(raw), 202],
  ['/events/generate', '/events/generate', post({ count: 2, seed: 1 }), 202],
  ['/events/processed', '/events/processed?limit=1', {}, 200],
  ['/events/{eventId}', '/events/event-1', {}, 200],
  ['/dead-letters', '/dead-letters?limit=1', {}, 200],
  ['/dead-letters/stats', '/dead-letters/stats', {}, 200],
  ['/dead-letters/{id}', `/dead-letters/${LETTER}`, {}, 200],
  ['/dead-letters/{id}/redrive', `/dead-letters/${LETTER}/redrive`, post({}), 200],
  ['/dead-letters/{id}/redrive', `/dead-letters/${CLOSED_LETTER}/redrive`, post({}), 409],
  ['/dead-letters/redrive', '/dead-letters/redrive', post({}), 200],
  ['/dead-letters/{id}/discard', `/dead-letters/${LETTER}/discard`, post({ note: 'x' }), 200],
  ['/dead-letters/{id}/discard', `/dead-letters/${CLOSED_LETTER}/discard`, post({ note: 'x' }), 409],
  ['/dead-letters/quarantine', '/dead-letters/quarantine', post(quarantine), 202],
  ['/dead-letters/quarantine', '/dead-letters/quarantine', post({ ...quarantine, topic: 'other' }), 409],
  ['/health', '/health', {}, 200],
  ['/ready', '/ready', {}, 200],
  ['/ready', '/ready', {}, 503, { readiness: () => ({ ready: false, reasons: ['paused'] }) }],
  ['/openapi.json', '/openapi.json', {}, 200],
  ['/metrics', '/metrics', {}, 200],
  ['/docs', '/docs', {}, 200],
  ['/docs/{file}', '/docs/start.js', {}, 200],
];

describe('real answers are as described', () => {
  test('of every operation at least the good one', () => {
    const seen = ANSWERS.filter(([, , , status]) => status < 300).map(
      ([path, , { method = 'GET' }]) => `${method.toLowerCase()} ${path}`,
    );
    expect([...new Set(seen)].sort()).toEqual(operations.map(({ name }) => name).sort());
  });

  test.each(ANSWERS)('%s: %s', async (path, url, init, status, changes) => {
    const response = await testApi(changes).api.request(url, local(init));
    expect(response.status).toBe(status);
    const type = response.headers.get('content-type')?.split(';')[0] ?? '';
    const method = (init.method ?? 'GET').toLowerCase();
    const schema = document.paths[path]?.[method]?.responses[status]?.content?.[type]?.schema;
    expect(schema, `${status} ${type}`).toBeDefined();
    const body = type.endsWith('json') ? await response.json() : await response.text();
    expect(validator(schema ?? {}).parse(body)).toEqual(body);
  });
});
