import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

const kafkaSection = (): string => (read('docs/drivers.md').split(/^## /m)[1] ?? '').replaceAll(/\s+/g, ' ');

const testFile = (name: string): string =>
  name === 'contract' ? 'test/contracts/event-log.ts' : `test/event-log/${name}.test.ts`;

/** [name of the test file, quoted test name], also of a list of several names after one file. */
function namedTests(): Array<[string, string]> {
  const lists = kafkaSection().matchAll(/\b(contract|kafka-[a-z-]+)(?: and kafka-[a-z-]+)?((?:,? "[^"]+")+)/g);
  return [...lists].flatMap(([, file = '', names = '']) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']): [string, string] => [file, name]),
  );
}

describe('the table of traps', () => {
  test.each(namedTests())('%s has the test "%s"', (file, name) => {
    const parts = name.split('...').map((part) => part.trim());
    for (const part of parts) expect(read(testFile(file))).toContain(part);
  });

  test('names enough of them to be read right', () => {
    expect(namedTests().length).toBeGreaterThan(25);
  });

  test('names files that exist', () => {
    const files = [...kafkaSection().matchAll(/`((?:src|test|scripts|kafka)\/[\w/.-]+\.ts)`/g)].map(
      ([, path = '']) => path,
    );
    for (const path of files) expect(read(path.replace(/^kafka\//, 'src/event-log/kafka/'))).not.toBe('');
  });
});
