import type { Context, HonoRequest, MiddlewareHandler } from 'hono';
import { timeout } from 'hono/timeout';
import type { AccessCheck } from './access.ts';
import { HttpProblem } from './problem.ts';
import type { RouteTable } from './route-table.ts';

/** Before any handler: is the path well formed, known, allowed, and asked with known parameters. */
export function guard(table: RouteTable, checkAccess: AccessCheck): MiddlewareHandler {
  return async (c, next) => {
    checkEncoding(c.req);
    const route = table.find(c.req.method, c.req.path);
    checkAccess(route.access, c.req);
    checkQuery(c.req, route.queryNames);
    await next();
  };
}

/** Hono leaves what it cannot decode as it is: "a%zz" would be taken for the id a%zz, which is written a%25zz. */
function checkEncoding(request: HonoRequest): void {
  try {
    decodeURIComponent(new URL(request.url).pathname);
  } catch (error) {
    throw new HttpProblem(400, 'The path is not percent-encoded UTF-8.', { cause: error });
  }
}

/** A misspelt filter would otherwise answer everything. */
function checkQuery(request: HonoRequest, known: readonly string[]): void {
  const unknown = Object.keys(request.queries()).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const takes = known.length === 0 ? 'no query parameters' : `the query parameters ${known.join(', ')}`;
  throw new HttpProblem(400, `This route takes ${takes}.`, {
    errors: unknown.map((name) => ({ path: name.slice(0, 100), message: 'unknown query parameter' })),
  });
}

/** What the routes do goes on unheard after the deadline; that is said, for it may still take effect. */
export function deadline(ms: number): MiddlewareHandler {
  const late = () => new HttpProblem(503, `No answer within ${ms / 1000} s; what was asked may still happen.`);
  return timeout(ms, late);
}

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  // Answers hold personal data and change by the second.
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

/** On every answer, errors too, unless the route said otherwise. */
export async function securityHeaders(c: Context, next: () => Promise<void>): Promise<void> {
  await next();
  for (const [name, value] of Object.entries(HEADERS)) {
    if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  }
}
