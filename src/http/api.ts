import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ZodError } from 'zod';
import type { EventLog } from '../event-log.ts';
import type { DecodeLimits } from '../events/index.ts';
import type { OrderStore } from '../order-store.ts';
import type { RedriveOperations } from '../pipeline/redrive-port.ts';
import { type AccessRules, accessCheck } from './access.ts';
import { listIssues } from './body.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { docsRoutes } from './docs.ts';
import { eventRoutes } from './events.ts';
import { deadline, guard, securityHeaders } from './guard.ts';
import { type HealthDeps, healthRoutes } from './health.ts';
import { inventoryRoutes } from './inventory.ts';
import { letterActionRoutes } from './letter-actions.ts';
import type { ApiLimits } from './limits.ts';
import { type MetricsText, metricsRoutes } from './metrics.ts';
import { describeApi } from './openapi.ts';
import { orderRoutes } from './orders.ts';
import { type ApiFailure, answerError, HttpProblem } from './problem.ts';
import { publishRoutes, type SampleEvents } from './publish.ts';
import { redriveRoutes } from './redrive.ts';
import { routeTable } from './route-table.ts';
import { userRoutes } from './users.ts';

export interface ApiDeps extends AccessRules, HealthDeps {
  readonly store: Pick<OrderStore, 'reads' | 'deadLetters'>;
  readonly log: Pick<EventLog, 'append'>;
  readonly redrive: RedriveOperations;
  readonly metrics: MetricsText;
  readonly limits: ApiLimits;
  readonly eventLimits: DecodeLimits;
  /** ms since 1970. */
  readonly now: () => number;
  /** A new UUIDv7. */
  readonly newEventId: () => string;
  readonly sampleEvents: SampleEvents;
  readonly version: string;
  readonly letterDiscarded: (id: string) => void;
  /** Told of every answer of 500 or more, with the error that the answer does not show. */
  readonly failed: (failure: ApiFailure) => void;
}

/** The HTTP API: every route, behind the rules that hold for all of them. */
export function createApi(deps: ApiDeps): OpenAPIHono {
  const routes = createRoutes(deps);
  const api = new OpenAPIHono();
  api.onError(answerError(deps.failed));
  api.use(securityHeaders, deadline(deps.limits.requestMs), guard(routeTable(routes), accessCheck(deps)));
  api.route('/', routes);
  return api;
}

/** Routes apart from the rules: the table that the rules work by is read from them. */
function createRoutes(deps: ApiDeps): OpenAPIHono {
  const { store, metrics } = deps;
  const { reads, deadLetters } = store;
  const routes = new OpenAPIHono({ defaultHook: refuseInvalid });
  userRoutes(routes, reads);
  orderRoutes(routes, reads);
  inventoryRoutes(routes, reads);
  publishRoutes(routes, deps);
  eventRoutes(routes, reads);
  deadLetterRoutes(routes, { deadLetters, now: deps.now });
  redriveRoutes(routes, deps);
  letterActionRoutes(routes, { ...deps, deadLetters });
  healthRoutes(routes, deps);
  metricsRoutes(routes, metrics);
  docsRoutes(routes, () => describeApi(routes, deps, deps.version));
  return routes;
}

type Checked = { target: string } & ({ success: true } | { success: false; error: ZodError });

/** An id that cannot exist is not found; a parameter or header that is not what it should be is a bad request. */
function refuseInvalid(result: Checked, _c: Context): undefined {
  if (result.success) return undefined;
  if (result.target === 'param') throw new HttpProblem(404, 'There is nothing of this id, and cannot be.');
  throw new HttpProblem(400, `A ${result.target === 'header' ? 'header' : 'query parameter'} is not valid.`, {
    errors: listIssues(result.error),
  });
}
