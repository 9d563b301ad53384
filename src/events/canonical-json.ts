/** What JSON.stringify would escape, hence the strings that can be quoted as they are. */
const NEEDS_ESCAPE = /["\\\p{Cc}\p{Surrogate}]/u;

/**
 * JSON without white space, the keys of every object sorted by UTF-16 code units, strings and numbers as JSON.stringify
 * writes them. So numbers are those JSON.parse kept: 1, 1.0 and 1e0 are one number, and so are two integers beyond 2^53
 * that are the same double. Infinity (1e400) is written as 1e999, for JSON.stringify would make it null.
 *
 * Takes what JSON.parse gives. It recurses: the caller bounds the depth.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return value > 0 ? '1e999' : '-1e999';
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value as Record<string, unknown>);
}

function canonicalArray(values: readonly unknown[]): string {
  let json = '[';
  for (let i = 0; i < values.length; i++) json += (i === 0 ? '' : ',') + canonicalJson(values[i]);
  return `${json}]`;
}

function canonicalObject(object: Readonly<Record<string, unknown>>): string {
  let json = '{';
  for (const key of Object.keys(object).sort()) {
    json += `${(json === '{' ? '' : ',') + quote(key)}:${canonicalJson(object[key])}`;
  }
  return `${json}}`;
}

function quote(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}
