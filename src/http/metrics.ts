import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  tags: ['operation'],
  summary: 'Metrics for Prometheus',
  responses: { 200: { description: "Prometheus' text format", content: { 'text/plain': { schema: z.string() } } } },
});

/** Metrics as text, with the media type that says which version of the format it is. */
export type MetricsText = () => Promise<{ readonly contentType: string; readonly body: string }>;

/** Behind READ_TOKEN like other reads: volumes and failures are nobody else's business. */
export function metricsRoutes(api: OpenAPIHono, metrics: MetricsText): void {
  api.openapi(metricsRoute, async (c) => {
    const { contentType, body } = await metrics();
    return c.text(body, 200, { 'content-type': contentType });
  });
}
