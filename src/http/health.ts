import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { json, problemAnswer } from './openapi.ts';
import { instantText } from './parameters.ts';
import { HttpProblem } from './problem.ts';

const part = z
  .object({
    status: z.enum(['up', 'degraded', 'down', 'off']).meta({ description: 'off: not configured' }),
    since: instantText,
    detail: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
      .meta({ description: 'For people; orderStore has p50, p95 and p99 of the last minute, in milliseconds' }),
  })
  .readonly()
  .openapi('PartHealth');

const health = z
  .object({
    status: z.enum(['up', 'degraded', 'down']).meta({ description: 'down: only a restart would help' }),
    parts: z
      .object({
        eventLog: part,
        orderStore: part,
        deadLetterMirror: part,
        consumer: part,
        retryWorker: part,
      })
      .readonly(),
  })
  .readonly()
  .openapi('Health');

export type HealthReport = z.infer<typeof health>;
export type PartHealth = z.infer<typeof part>;

/** `reasons` say what is in the way, one sentence each; empty when ready. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  tags: ['operation'],
  summary: 'How each part is; an outage of another server is degraded, not down',
  responses: { 200: json('Up or degraded', health), 503: json('Down: a restart would help', health) },
});

const readyRoute = createRoute({
  method: 'get',
  path: '/ready',
  tags: ['operation'],
  summary: 'Whether events make progress',
  responses: {
    200: json('They do', z.object({ ready: z.literal(true) }).openapi('Ready')),
    503: problemAnswer('They do not; detail says why'),
  },
});

export interface HealthDeps {
  readonly health: () => HealthReport;
  readonly readiness: () => Readiness;
}

/**
 * For orchestrators: /health restarts, /ready routes and deploys. So an outage elsewhere must not turn /health red (a
 * restart would not help and would cost the caches), and being stuck must turn /ready red.
 */
export function healthRoutes(api: OpenAPIHono, deps: HealthDeps): void {
  api.openapi(healthRoute, (c) => {
    const report = deps.health();
    return report.status === 'down' ? c.json(report, 503) : c.json(report, 200);
  });
  api.openapi(readyRoute, (c) => {
    const { ready, reasons } = deps.readiness();
    if (!ready) throw new HttpProblem(503, reasons.join(' ') || 'Not ready.');
    return c.json({ ready: true as const }, 200);
  });
}
