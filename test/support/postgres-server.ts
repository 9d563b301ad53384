import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { postgresServer } from './stores.ts';

const run = promisify(execFile);

/** Debian's packages keep them out of the PATH, by version. */
const VERSIONS = '/usr/lib/postgresql';

/** A PostgreSQL server of a test's own, which it may stop. */
export interface OwnServer {
  readonly url: string;
  /** As an administrator does: sessions are ended at once. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and deletes its data. */
  dispose(): Promise<void>;
}

/**
 * Where initdb and pg_ctl are; null if a test must do without them. Such tests belong to the runs on real servers: only
 * those have TEST_POSTGRES_URL, and one that requires PostgreSQL fails without the binaries.
 */
export function postgresBinaries(): string | null {
  if (postgresServer === null) return null;
  const found = binaryFolders().find((folder) => existsSync(join(folder, 'initdb')));
  if (found !== undefined) return found;
  if ((process.env['REQUIRE_SERVICES'] ?? '').split(',').includes('postgres')) {
    throw new Error("REQUIRE_SERVICES names postgres, but PostgreSQL's initdb is not installed");
  }
  return null;
}

/** The newest first. */
function binaryFolders(): string[] {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : [];
  return versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(VERSIONS, version, 'bin'));
}

export async function startOwnServer(binaries: string): Promise<OwnServer> {
  const folder = await mkdtemp(join(tmpdir(), 'order-pipeline-postgres-'));
  // The server is another user's where this one is root.
  await chmod(folder, 0o777);
  const data = join(folder, 'data');
  const port = await freePort();
  await asServerUser(`${binaries}/initdb -D ${data} -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync`);
  const options = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1 -c fsync=off`;
  const start = async (): Promise<void> => {
    await asServerUser(`${binaries}/pg_ctl -D ${data} -l ${folder}/log -w -t 60 start -o '${options}'`);
  };
  const stop = async (): Promise<void> => {
    await asServerUser(`${binaries}/pg_ctl -D ${data} -w -m fast stop`);
  };
  await start();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    start,
    stop,
    dispose: async () => {
      await stop().catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root. */
async function asServerUser(command: string): Promise<void> {
  const shell = ['-c', command];
  // From a folder that this user may enter.
  if (process.getuid?.() === 0) await run('su', ['postgres', '-s', '/bin/sh', ...shell], { cwd: '/' });
  else await run('/bin/sh', shell, { cwd: '/' });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
