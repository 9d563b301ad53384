import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openEmbeddedDatabase } from '../../src/embedded-database.ts';
import { classifyPostgresError } from '../../src/order-store/postgres/errors.ts';

export interface TemporaryDir {
  readonly dataDir: string;
  cleanup(): Promise<void>;
}

/** A data directory with a fresh database, copied from a template: making one takes seconds, a copy a fraction. */
export async function temporaryDatabaseDir(): Promise<TemporaryDir> {
  const template = await databaseTemplate();
  const temporary = await temporaryDir();
  await cp(template, temporary.dataDir, { recursive: true });
  return temporary;
}

export async function temporaryDir(): Promise<TemporaryDir> {
  const dataDir = await mkdtemp(join(tmpdir(), 'order-pipeline-test-'));
  return { dataDir, cleanup: () => rm(dataDir, { recursive: true, force: true }) };
}

/** Made once per version of PGlite and machine. Of several test processes that make it at once, the first one's stays. */
async function databaseTemplate(): Promise<string> {
  const template = join(tmpdir(), `order-pipeline-template-${await pgliteVersion()}`);
  if (existsSync(template)) return template;
  const { dataDir, cleanup } = await temporaryDir();
  const database = await openEmbeddedDatabase({ dataDir, classify: classifyPostgresError });
  await database.close();
  await rename(dataDir, template).catch(async (error: unknown) => {
    if (!existsSync(template)) throw error;
    await cleanup();
  });
  return template;
}

async function pgliteVersion(): Promise<string> {
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  const manifest = await readFile(join(dirname(main), '..', 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
