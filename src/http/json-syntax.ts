/**
 * Where a text stops being JSON, for JSON.parse of Node 20 does not always say: the index of the first character that
 * cannot be there, the length of the text if it only ends too early, null if it is JSON.
 */
export function findSyntaxError(text: string): number | null {
  const open: string[] = [];
  let expected: Expected = 'value';
  for (let at = skipSpace(text, 0); ; at = skipSpace(text, at)) {
    if (expected === 'end') return at === text.length ? null : at;
    const token = readToken(text, at);
    const next: Expected | null = token === null ? null : step(expected, token, open);
    if (token === null || next === null) return at;
    expected = next;
    at += token.length;
  }
}

/** `first-` positions may also close the array or object that was just opened. */
type Expected = 'value' | 'first-value' | 'name' | 'first-name' | 'colon' | 'comma' | 'end';

const SPACE = /[ \t\r\n]*/y;
// Everything but control characters, the quote and the backslash.
const PLAIN = String.raw`[ !#-[\]-\uffff]*`;
const STRING = String.raw`"${PLAIN}(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})${PLAIN})*"`;
const NUMBER = String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?`;
const TOKEN = new RegExp(String.raw`[{}[\]:,]|${STRING}|${NUMBER}|true|false|null`, 'y');

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

function readToken(text: string, at: number): string | null {
  TOKEN.lastIndex = at;
  return TOKEN.exec(text)?.[0] ?? null;
}

/** What may follow the token, null if the token may not be there. */
function step(expected: Expected, token: string, open: string[]): Expected | null {
  if (token === '}' || token === ']') return close(expected, token, open);
  if (token === ',') return expected === 'comma' ? (open.at(-1) === '{' ? 'name' : 'value') : null;
  if (token === ':') return expected === 'colon' ? 'value' : null;
  if (expected === 'name' || expected === 'first-name') return token.startsWith('"') ? 'colon' : null;
  if (expected !== 'value' && expected !== 'first-value') return null;
  if (token !== '{' && token !== '[') return open.length === 0 ? 'end' : 'comma';
  open.push(token);
  return token === '{' ? 'first-name' : 'first-value';
}

function close(expected: Expected, token: string, open: string[]): Expected | null {
  const [opening, first] = token === '}' ? ['{', 'first-name'] : ['[', 'first-value'];
  if (open.at(-1) !== opening || (expected !== 'comma' && expected !== first)) return null;
  open.pop();
  return open.length === 0 ? 'end' : 'comma';
}
