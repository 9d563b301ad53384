import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findSyntaxError } from '../../src/http/json-syntax.ts';

test.each([
  ['{"a":}', 5],
  ['{"a":1,}', 7],
  ['[1 2]', 3],
  ['[1,]', 3],
  ['{"a" 1}', 5],
  ['{a:1}', 1],
  ['{"a":tru}', 5],
  ['[01]', 2],
  ['[1.]', 2],
  ['"a\nb"', 0],
  ['"\\x"', 0],
  ['{} {}', 3],
  ['[}', 1],
  ["{'a':1}", 1],
])('in %j the mistake is at %i', (text, at) => {
  expect(findSyntaxError(text)).toBe(at);
});

test.each(['', ' ', '{', '[1,', '{"a":', '{"a":1'])('%j ends too early', (text) => {
  expect(findSyntaxError(text)).toBe(text.length);
});

test('finds no mistake exactly where JSON.parse finds none', () => {
  const text = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '{', '}', ']', ',', ':', '\\', '\n', '0', '.', 'e', '\u007f'))
    .map(([json, at, extra]) => json.slice(0, at % (json.length + 1)) + extra + json.slice(at % (json.length + 1)));
  fc.assert(
    fc.property(fc.oneof(text, fc.json(), fc.string()), (given) => {
      expect(findSyntaxError(given) === null).toBe(isJson(given));
    }),
    { numRuns: 2000 },
  );
});

test('a string of megabytes is no trouble', () => {
  const big = `{"a":"${'x\\n'.repeat(2_000_000)}",}`;
  expect(findSyntaxError(big)).toBe(big.length - 1);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
