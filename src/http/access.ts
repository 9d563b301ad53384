import { createHash, timingSafeEqual } from 'node:crypto';
import type { HonoRequest } from 'hono';
import { HttpProblem } from './problem.ts';

/** Who may use a route: anybody, whoever may read, or whoever may change things. */
export type Access = 'open' | 'read' | 'admin';

export interface AccessRules {
  readonly tokens: { readonly admin: string | null; readonly read: string | null };
  /** The service listens on this machine's loopback addresses only. */
  readonly loopbackOnly: boolean;
}

const OPEN_PATHS = new Set(['/health', '/ready', '/openapi.json', '/docs', '/docs/{file}']);

/** By method and path template. Whatever is not known to be open needs a right. */
export function accessOf(method: string, template: string): Access {
  if (method.toLowerCase() !== 'get') return 'admin';
  return OPEN_PATHS.has(template) ? 'open' : 'read';
}

/** Throws a 401 or 403 unless the request may go on. */
export type AccessCheck = (access: Access, request: HonoRequest) => void;

export function accessCheck({ tokens, loopbackOnly }: AccessRules): AccessCheck {
  const isAdmin = equalsSecret(tokens.admin);
  const isReader = equalsSecret(tokens.read);
  return (access, request) => {
    if (access === 'open' || (access === 'read' && tokens.read === null)) return;
    if (access === 'admin' && tokens.admin === null) return checkLocal(loopbackOnly, request);
    const token = bearerToken(request);
    // Both are compared, always, so that the time taken does not tell one token from the other.
    const [admin, reader] = [isAdmin(token), isReader(token)];
    if (admin || (reader && access === 'read')) return;
    throw reader
      ? new HttpProblem(403, 'This needs the ADMIN_TOKEN; the token given may only read.')
      : unauthorized(token);
  };
}

/** Digests are compared, for timingSafeEqual needs equal lengths and a length is a hint. */
function equalsSecret(secret: string | null): (token: string | null) => boolean {
  if (secret === null) return () => false;
  const expected = digest(secret);
  return (token) => token !== null && timingSafeEqual(digest(token), expected);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

function bearerToken(request: HonoRequest): string | null {
  return /^Bearer +(\S+) *$/i.exec(request.header('authorization') ?? '')?.[1] ?? null;
}

function unauthorized(token: string | null): HttpProblem {
  const challenge = 'Bearer realm="order-pipeline"';
  return token === null
    ? new HttpProblem(401, 'Send the header "Authorization: Bearer <token>".', {
        headers: { 'www-authenticate': challenge },
      })
    : new HttpProblem(401, 'The token is not known.', {
        headers: { 'www-authenticate': `${challenge}, error="invalid_token"` },
      });
}

const LOOPBACK = String.raw`(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?`;
const LOOPBACK_HOST = new RegExp(`^${LOOPBACK}$`, 'i');
const LOOPBACK_ORIGIN = new RegExp(`^https?://${LOOPBACK}$`, 'i');

/**
 * Without a token, changing things is for this machine's own programs. A web page open on this machine is none of them:
 * it may reach the port under a name of its own (DNS rebinding: the Host tells) or from another site (the Origin
 * tells). The media type, which a page cannot send to another site unasked, is checked with the body.
 */
function checkLocal(loopbackOnly: boolean, request: HonoRequest): void {
  if (!loopbackOnly) throw new HttpProblem(403, 'Without an ADMIN_TOKEN nothing can be changed from outside.');
  if (!LOOPBACK_HOST.test(request.header('host') ?? '')) {
    throw new HttpProblem(403, 'Without an ADMIN_TOKEN the Host header must name localhost, 127.0.0.0/8 or [::1].');
  }
  const origin = request.header('origin');
  if (origin !== undefined && !LOOPBACK_ORIGIN.test(origin)) {
    throw new HttpProblem(403, 'Without an ADMIN_TOKEN web pages of other origins may not change anything.');
  }
}
