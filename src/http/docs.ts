import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { getAbsoluteFSPath } from 'swagger-ui-dist';
import { json } from './openapi.ts';
import { HttpProblem } from './problem.ts';

/** Everything comes from this server: the page works without a network and runs no script of anybody else. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// References are relative, so that the page also works behind a proxy that adds a prefix.
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Order pipeline API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

// validatorUrl null: the default sends the document to a public server to have it checked.
const START = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
`;

const JAVASCRIPT = 'text/javascript; charset=utf-8';
const FILE_TYPES = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': JAVASCRIPT,
  'favicon-32x32.png': 'image/png',
  'start.js': JAVASCRIPT,
} as const;
type FileName = keyof typeof FILE_TYPES;

const documentRoute = createRoute({
  method: 'get',
  path: '/openapi.json',
  tags: ['operation'],
  summary: 'This description',
  responses: { 200: json('OpenAPI 3.1', z.record(z.string(), z.unknown())) },
});

const pageRoute = createRoute({
  method: 'get',
  path: '/docs',
  tags: ['operation'],
  summary: 'This description as a page',
  responses: { 200: { description: 'The page', content: { 'text/html': { schema: z.string() } } } },
});

const fileRoute = createRoute({
  method: 'get',
  path: '/docs/{file}',
  tags: ['operation'],
  summary: 'Scripts and styles of the page',
  request: {
    params: z.object({
      file: z
        .enum(Object.keys(FILE_TYPES) as [FileName, ...FileName[]])
        .openapi({ param: { name: 'file', in: 'path', required: true } }),
    }),
  },
  responses: {
    200: {
      description: 'The file',
      content: {
        'text/css': { schema: z.string() },
        'text/javascript': { schema: z.string() },
        'image/png': { schema: { type: 'string', format: 'binary' } },
      },
    },
  },
});

/** `describe` gives the OpenAPI document of all routes. */
export function docsRoutes(api: OpenAPIHono, describe: () => object): void {
  api.openapi(documentRoute, (c) => c.json({ ...describe() }, 200));
  api.openapi(pageRoute, (c) => {
    c.header('content-security-policy', PAGE_POLICY);
    return c.html(PAGE, 200);
  });
  api.openapi(fileRoute, async (c) => {
    const { file } = c.req.valid('param');
    const headers = { 'content-type': FILE_TYPES[file], 'cache-control': 'public, max-age=3600' };
    return c.body(await readDocsFile(file), 200, headers);
  });
}

/** Only names of the list above get here: nothing of the request is part of a path. */
async function readDocsFile(file: FileName): Promise<Uint8Array<ArrayBuffer>> {
  if (file === 'start.js') return new TextEncoder().encode(START);
  try {
    return new Uint8Array(await readFile(join(getAbsoluteFSPath(), file)));
  } catch (error) {
    throw new HttpProblem(404, 'The files of the page are not installed.', { cause: error });
  }
}
