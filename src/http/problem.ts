import { z } from '@hono/zod-openapi';
import type { ErrorHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { PipelineError } from '../errors.ts';

/** Every error the API answers has this shape (RFC 9457), whatever failed. */
export const problemSchema = z
  .object({
    type: z
      .string()
      .meta({ description: 'What kind of problem it is, for programs', example: `urn:problem:not-found` }),
    title: z.string().meta({ description: 'The same in words' }),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: 'What is wrong with this request and what would be right' }),
    instance: z.string().optional().meta({ description: 'The path that was asked for' }),
    errors: z
      .array(
        z.object({
          path: z.string().meta({ description: 'Where: a field of the body, a parameter or a header' }),
          message: z.string(),
          reason: z.string().optional().meta({ description: 'The reason a dead letter would have' }),
          eventId: z.string().optional(),
          acknowledged: z.boolean().optional().meta({ description: 'Whether the event is known to be in the log' }),
        }),
      )
      .optional(),
  })
  .openapi('Problem');

export type Problem = z.infer<typeof problemSchema>;
export type ProblemEntry = NonNullable<Problem['errors']>[number];

/** What each status means where nothing more precise is said: the end of `type`, and `title`. */
const KINDS = {
  400: ['bad-request', 'Bad request'],
  401: ['unauthorized', 'A token is needed'],
  403: ['forbidden', 'Not allowed'],
  404: ['not-found', 'Not found'],
  405: ['method-not-allowed', 'Method not allowed'],
  408: ['request-timeout', 'The request took too long to arrive'],
  409: ['conflict', 'Conflict'],
  413: ['content-too-large', 'Body too large'],
  415: ['unsupported-media-type', 'Unsupported media type'],
  431: ['headers-too-large', 'Headers too large'],
  500: ['internal', 'Internal error'],
  503: ['unavailable', 'Unavailable'],
} as const;

export type ProblemStatus = keyof typeof KINDS;

/** How long a client waits after a 503, in seconds: as long as an outage is probed at first. */
const RETRY_AFTER_S = '5';

export function problem(status: ProblemStatus, detail: string, errors?: readonly ProblemEntry[]): Problem {
  const [kind, title] = KINDS[status];
  const base = { type: `urn:problem:${kind}`, title, status, detail };
  return errors === undefined ? base : { ...base, errors: [...errors] };
}

export function problemHeaders(status: ProblemStatus): Record<string, string> {
  const type = { 'content-type': 'application/problem+json' };
  return status === 503 ? { ...type, 'retry-after': RETRY_AFTER_S } : type;
}

/** Thrown wherever a request cannot be answered; becomes an answer in one place. */
export class HttpProblem extends HTTPException {
  readonly problem: Problem;
  readonly headers: Record<string, string>;

  constructor(
    status: ProblemStatus,
    detail: string,
    more: { errors?: readonly ProblemEntry[]; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(status, { message: detail, cause: more.cause });
    this.name = 'HttpProblem';
    this.problem = problem(status, detail, more.errors);
    this.headers = { ...problemHeaders(status), ...more.headers };
  }
}

/** A failure of ours, for the log: answers never say more than that something failed. */
export interface ApiFailure {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly error: unknown;
}

/** Turns whatever was thrown into problem+json, and reports what was our fault. */
export function answerError(report: (failure: ApiFailure) => void): ErrorHandler {
  return (error, c) => {
    const answer = toProblem(error);
    const { status } = answer.problem;
    if (status >= 500) report({ method: c.req.method, path: c.req.path, status, error: answer.cause ?? error });
    const body = JSON.stringify({ ...answer.problem, instance: c.req.path });
    return c.body(body, status as ContentfulStatusCode, answer.headers);
  };
}

function toProblem(error: Error): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof HTTPException && error.status in KINDS) {
    return new HttpProblem(error.status as ProblemStatus, KINDS[error.status as ProblemStatus][1]);
  }
  if (error instanceof PipelineError && RETRYABLE.has(error.kind)) {
    return new HttpProblem(503, 'The database or the event log does not answer now. Try again later.');
  }
  return new HttpProblem(500, 'Something failed that should not have. It has been logged.');
}

const RETRYABLE: ReadonlySet<string> = new Set(['outage', 'timeout', 'race', 'unforeseen']);
