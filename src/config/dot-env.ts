import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Problem } from './read-settings.ts';

/** The variables of a .env file; of one that does not exist, none. */
export function readDotEnv(path: string): { variables: NodeJS.Dict<string>; problems: Problem[] } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { variables: {}, problems: [] };
    return { variables: {}, problems: [{ name: '.env', problem: `cannot be read: ${path} (${code})` }] };
  }
  const normal = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const line = firstMalformedLine(normal);
  const problem = { name: '.env', problem: `line ${line} must be NAME=value, a comment or empty: ${path}` };
  return line === null ? { variables: parseEnv(normal), problems: [] } : { variables: {}, problems: [problem] };
}

/** One entry, which may span lines if it is quoted; Node's parser skips what it does not understand. */
const ENTRY =
  /[ \t]*(?:(?:export[ \t]+)?[A-Za-z_]\w*[ \t]*=[ \t]*(?:"[^"]*"|'[^']*'|`[^`]*`|[^\s"'`#][^\n]*)?[ \t]*)?(?:#[^\n]*)?(?:\n|$)/y;

function firstMalformedLine(text: string): number | null {
  ENTRY.lastIndex = 0;
  for (let at = 0; at < text.length; at = ENTRY.lastIndex) {
    if (!ENTRY.test(text)) return text.slice(0, at).split('\n').length;
  }
  return null;
}
