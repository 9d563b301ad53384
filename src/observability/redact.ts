import type { Config } from '../config.ts';

const REDACTED = '[redacted]';

/** Removes secrets from a text. */
export type Redact = (text: string) => string;

/**
 * Removes the secrets given, wherever they are, and whatever looks like one: credentials in URLs and connection
 * strings, and bearer tokens. Drivers quote what they were given in their errors.
 */
export function redactor(secrets: readonly string[]): Redact {
  // The longest first: a password may be part of a URL that is a secret itself.
  const known = [...new Set(secrets)].filter(isDistinctive).sort((a, b) => b.length - a.length);
  const redact: Redact = (text) =>
    known.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), withoutCredentials(text));
  return (text) =>
    text.length <= MAX_TEXT ? redact(text) : `${redact(text.slice(0, 2 * MAX_TEXT)).slice(0, MAX_TEXT)}...`;
}

/** Longer texts are cut, which also bounds the time taken; after the cleaning, lest half a secret is left at the end. */
const MAX_TEXT = 8000;

/** A password like "postgres" would take the word out of every line; it goes only where it stands as a credential. */
function isDistinctive(secret: string): boolean {
  return secret.length >= 6 && !/^[a-z]{0,11}$/.test(secret);
}

/** scheme://user:password@ up to the last @, for a password may hold one; bounded, so that no text takes long. */
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s"'<>]{0,2000}@/gi;
const KEY_AND_VALUE = /\b(password|passwd|pwd|secret|token)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s;,&"']+)/gi;
const BEARER = /\b(bearer\s+)[^\s"',]+/gi;

/** Removes credentials from URLs, connection strings and headers quoted in a text. */
export function withoutCredentials(text: string): string {
  return text
    .replace(URL_CREDENTIALS, `$1${REDACTED}@`)
    .replace(KEY_AND_VALUE, `$1$2${REDACTED}`)
    .replace(BEARER, `$1${REDACTED}`);
}

const EMAIL = /[\p{L}\p{N}.!#$%&'*+=?^_`{|}~-]{1,254}@[\p{L}\p{N}-]{1,63}(\.[\p{L}\p{N}-]{1,63}){0,8}/gu;
/** Where databases and JSON.parse quote values: everything in the second group goes. */
const QUOTED_VALUES = [
  /(key value is )(\([^)]*\))/gi,
  /(Key \([^)]*\)=)(\([^)]*\))/g,
  /(invalid input syntax for type [\w ]+: |Truncated value: |converting the \w+ value )("[^"]*"|'[^']*')/gi,
  /(Unexpected [^,]{0,100}, )([\s\S]*)(?= is not valid JSON)/g,
];

/**
 * An error's text without credentials and without the personal data that such texts quote: values of keys, what could
 * not be converted, email addresses. Credentials go first: half of a URL looks like an address.
 */
export function cleanErrorText(text: string): string {
  const anonymous = withoutCredentials(text.slice(0, MAX_TEXT));
  const unquoted = QUOTED_VALUES.reduce((rest, quoted) => rest.replace(quoted, `$1${REDACTED}`), anonymous);
  return unquoted.replace(EMAIL, '[email]');
}

/** Every text of a configuration that must never be seen, and the passwords inside its URLs as they are used. */
export function secretsOf({ http, log, store, mirror }: Pick<Config, 'http' | 'log' | 'store' | 'mirror'>): string[] {
  const urls = [store.kind === 'postgres' ? store.url : null, mirror?.url ?? null].filter((url) => url !== null);
  const secrets = [
    http.adminToken,
    http.readToken,
    log.kind === 'kafka' ? (log.sasl?.password ?? null) : null,
    log.kind === 'kafka' ? (log.ssl?.key ?? null) : null,
    store.kind === 'sqlserver' ? store.password : null,
    ...urls.flatMap((url) => [url, ...passwordsOf(url)]),
  ];
  return secrets.filter((secret) => secret !== null);
}

function passwordsOf(url: string): string[] {
  const { password } = new URL(url);
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    // A lone % is a password too, as it stands.
    return [password];
  }
}
