import type { OpenAPIHono } from '@hono/zod-openapi';
import { type ZodType, z } from 'zod';
import { type Access, type AccessRules, accessOf } from './access.ts';
import { type ProblemStatus, problemSchema } from './problem.ts';

type Document = ReturnType<OpenAPIHono['getOpenAPI31Document']>;
type Operation = NonNullable<NonNullable<Document['paths']>[string]['get']>;

/** An answer of a route in its own words. */
export function json<Schema extends ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

/** An error that only some routes answer; those of all are added to the document as a whole. */
export function problemAnswer(description: string) {
  return { description, content: { 'application/problem+json': { schema: problemSchema } } };
}

/**
 * A JSON body by reference to a component. The library reads and checks a body itself if it is given the schema: without
 * a limit, and without saying where the mistake is. So it is given a name only.
 */
export function jsonBody(component: string) {
  return { required: true, content: { 'application/json': { schema: { $ref: `#/components/schemas/${component}` } } } };
}

/** Puts a body's schema under the name that `jsonBody` refers to. */
export function registerBody(api: OpenAPIHono, component: string, schema: ZodType): void {
  const { $schema: _, ...described } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (jsonSchema.pattern !== undefined) jsonSchema.pattern = portablePattern(jsonSchema.pattern);
    },
  });
  api.openAPIRegistry.registerComponent('schemas', component, described as object);
}

/** Other languages' regular expressions know neither \0 nor \p{Surrogate}; theirs have no surrogates to exclude. */
function portablePattern(pattern: string): string {
  return pattern.replaceAll('\\0', '\\u0000').replaceAll('\\p{Surrogate}', '');
}

/** The document of all routes, with the rights and the errors that follow from the route's kind. */
export function describeApi(api: OpenAPIHono, rules: AccessRules, version: string): Document {
  const document = api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Order pipeline', version, description: DESCRIPTION, license: { name: 'MIT' } },
    servers: [{ url: '/' }],
  });
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of ['get', 'post'] as const) {
      const operation = item[method];
      if (operation !== undefined) complete(operation, { method, path, access: accessOf(method, path) }, rules);
    }
  }
  return { ...document, components: { ...document.components, securitySchemes: securitySchemes(rules) } };
}

const DESCRIPTION =
  'Publishes events, reads what they became, and handles the ones that could not be applied. Every error is a problem document (RFC 9457).';

interface Kind {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly access: Access;
}

/** A scheme that is not configured is not named: the document is about this service, as it runs. */
function complete(operation: Operation, kind: Kind, { tokens }: AccessRules): void {
  const schemes = { open: [], read: tokens.read === null ? [] : ['readToken', 'adminToken'], admin: ['adminToken'] };
  const known = schemes[kind.access].filter((name) => name === 'readToken' || tokens.admin !== null);
  operation.security = known.map((name) => ({ [name]: [] }));
  const errors = Object.fromEntries(commonStatuses(kind, known.length > 0).map((status) => [status, COMMON[status]]));
  operation.responses = { ...errors, ...operation.responses };
}

/** Besides 405, which no documented operation can have. */
function commonStatuses({ method, path, access }: Kind, guarded: boolean): Array<keyof typeof COMMON> {
  const statuses: Array<keyof typeof COMMON> = [400, 500, 503];
  if (guarded) statuses.push(401);
  if (access === 'admin') statuses.push(403);
  if (path.includes('{')) statuses.push(404);
  if (method === 'post') statuses.push(413, 415);
  return statuses.sort();
}

const refused = (description: string, header?: { name: string; schema: object }) => ({
  description,
  ...(header === undefined ? {} : { headers: { [header.name]: { schema: header.schema } } }),
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});

const COMMON = {
  400: refused('A parameter, a header or the body is not what the route takes'),
  401: refused('No token, or an unknown one', { name: 'WWW-Authenticate', schema: { type: 'string' } }),
  403: refused('The token may only read, or there is no token and the request is not from this machine'),
  404: refused('There is no such thing, and there may never have been'),
  413: refused('The body is too large'),
  415: refused('The body is of another media type or encoding'),
  500: refused('Something failed that should not have'),
  503: refused('Away or too slow now', { name: 'Retry-After', schema: { type: 'integer', minimum: 0 } }),
} satisfies Partial<Record<ProblemStatus, object>>;

function securitySchemes({
  tokens,
}: AccessRules): Record<string, { type: 'http'; scheme: string; description: string }> {
  const bearer = (description: string) => ({ type: 'http' as const, scheme: 'bearer', description });
  return {
    ...(tokens.admin === null ? {} : { adminToken: bearer('ADMIN_TOKEN: everything') }),
    ...(tokens.read === null ? {} : { readToken: bearer('READ_TOKEN: reading') }),
  };
}
