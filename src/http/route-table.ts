import type { OpenAPIHono } from '@hono/zod-openapi';
import { type Access, accessOf } from './access.ts';
import { HttpProblem } from './problem.ts';

/** What is known of a route before its handler runs. */
export interface KnownRoute {
  readonly access: Access;
  readonly queryNames: readonly string[];
}

export interface RouteTable {
  /** `path` as Hono decodes it. Throws 404 for an unknown path, 405 with Allow for a wrong method. */
  find(method: string, path: string): KnownRoute;
}

interface Row extends KnownRoute {
  readonly method: string;
  readonly pattern: RegExp;
}

/** Read from the routes as they are registered, so that no route can be forgotten. */
export function routeTable(routes: OpenAPIHono): RouteTable {
  const rows = routes.openAPIRegistry.definitions.flatMap((definition) =>
    definition.type === 'route' ? [toRow(definition.route)] : [],
  );
  return {
    find: (method, path) => {
      const known = rows.filter(({ pattern }) => pattern.test(path));
      if (known.length === 0) throw new HttpProblem(404, 'There is no such path. GET /openapi.json lists all.');
      // HEAD is answered by GET's handler, without its body.
      const wanted = method === 'HEAD' ? 'GET' : method;
      return known.find((row) => row.method === wanted) ?? refuseMethod(known);
    },
  };
}

type RegisteredRoute = Extract<OpenAPIHono['openAPIRegistry']['definitions'][number], { type: 'route' }>['route'];

function toRow({ method, path, request }: RegisteredRoute): Row {
  const query = request?.query;
  const queryNames = query !== undefined && 'shape' in query ? Object.keys(query.shape as object) : [];
  const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
  return { method: method.toUpperCase(), pattern, access: accessOf(method, path), queryNames };
}

function refuseMethod(known: readonly Row[]): never {
  const methods = new Set(known.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])));
  const allow = [...methods].sort().join(', ');
  throw new HttpProblem(405, `This path answers ${allow}.`, { headers: { allow } });
}
