import type { Context } from 'hono';
import type { ZodType, z } from 'zod';
import { findSyntaxError } from './json-syntax.ts';
import { HttpProblem, type ProblemEntry } from './problem.ts';

/** The body's bytes, at most `limit` of them in memory. Throws 400 (cut off), 413 and 415. */
export async function readBytes(c: Context, mediaType: string, limit: number): Promise<Uint8Array> {
  checkMediaType(c, mediaType);
  const declared = Number(c.req.header('content-length') ?? 0);
  if (declared > limit) throw tooLarge(limit);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunksOf(c)) {
    size += chunk.length;
    // What was declared proves nothing: a chunked body declares no length at all.
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** The body as JSON, of whatever shape. Throws 400 (which says where), 413 and 415. */
export async function readJson(c: Context, limit: number): Promise<unknown> {
  const text = decodeUtf8(await readBytes(c, 'application/json', limit));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HttpProblem(400, `The body is not JSON: ${describeSyntaxError(text)}.`, { cause: error });
  }
}

/** The body as JSON of the shape of a schema. Throws 400 (which names every field), 413 and 415. */
export async function readAs<Schema extends ZodType>(
  c: Context,
  schema: Schema,
  limit: number,
): Promise<z.output<Schema>> {
  const result = schema.safeParse(await readJson(c, limit));
  if (result.success) return result.data;
  throw new HttpProblem(400, 'The body is not what this route takes.', { errors: listIssues(result.error) });
}

/** Every issue as an entry of a problem, the path as in "filter.state" or "items[3].sku". */
export function listIssues(error: z.ZodError): ProblemEntry[] {
  return error.issues.map(({ path, message }) => ({ path: showPath(path), message }));
}

function showPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((shown, key) => {
    if (typeof key === 'number') return `${shown}[${key}]`;
    return shown === '' ? String(key) : `${shown}.${String(key)}`;
  }, '');
}

function checkMediaType(c: Context, mediaType: string): void {
  const [type, ...parameters] = (c.req.header('content-type') ?? '').toLowerCase().split(';');
  const charset = parameters.find((parameter) => parameter.trim().startsWith('charset='))?.trim();
  const plain = (c.req.header('content-encoding') ?? 'identity').toLowerCase() === 'identity';
  const utf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  if (type?.trim() !== mediaType || !utf8 || !plain) {
    throw new HttpProblem(
      415,
      `The body must be ${mediaType}${mediaType.includes('json') ? ' in UTF-8' : ''}, not encoded.`,
    );
  }
}

async function* chunksOf(c: Context): AsyncGenerator<Uint8Array> {
  const body = c.req.raw.body;
  if (body === null) return;
  try {
    for await (const chunk of body) yield chunk;
  } catch (error) {
    throw new HttpProblem(400, 'The body ended before it was complete.', { cause: error });
  }
}

function tooLarge(limit: number): HttpProblem {
  return new HttpProblem(413, `The body may have ${limit} bytes.`);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new HttpProblem(400, 'The body is not UTF-8.', { cause: error });
  }
}

function describeSyntaxError(text: string): string {
  const at = findSyntaxError(text) ?? text.length;
  if (at >= text.length) return text.trim() === '' ? 'it is empty' : 'it ends too early';
  const before = text.slice(0, at).split('\n');
  return `unexpected text at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
