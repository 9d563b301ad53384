import { readFileSync } from 'node:fs';

/**
 * The text of a .sql file that lies beside the importing module, from source and from a build alike (the build copies
 * the files). `base` is the module's import.meta.url, `path` is relative to it.
 */
export function sqlFile(base: string, path: string): string {
  return readFileSync(new URL(path, base), 'utf8');
}
