import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { portsOf } from './ports.ts';
import { endProcess, execute } from './processes.ts';
import { type RunningService, ServiceError, type StartOptions } from './service.ts';

/** Debian's packages keep them out of the PATH, by version. */
const VERSIONS = '/usr/lib/postgresql';

/** Starts a PostgreSQL server on this machine and waits until it accepts connections. Its data need not survive. */
export async function startPostgres({ dir, port }: StartOptions): Promise<RunningService> {
  const bin = binaries();
  await mkdir(dir, { recursive: true });
  // The server is another user's where this one is root.
  await chmod(dir, 0o777);
  const [listen = 0] = await portsOf(dir, 1, port);
  const [data, log] = [join(dir, 'data'), join(dir, 'postgres.log')];
  if (!existsSync(join(data, 'PG_VERSION'))) {
    await asServerUser(`'${bin}/initdb' -D '${data}' -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync`);
  }
  const options = `-p ${listen} -k ${dir} -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=off`;
  await asServerUser(`'${bin}/pg_ctl' -D '${data}' -l '${log}' -w -t 60 start -o "${options}"`);
  const pid = Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  return {
    address: `postgres://postgres@127.0.0.1:${listen}/postgres`,
    pid,
    // Fast shutdown: sessions are ended at once.
    stop: () => endProcess(pid, 'SIGINT'),
    kill: () => endProcess(pid, 'SIGKILL'),
  };
}

/** The folder of the newest version's binaries. */
function binaries(): string {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : [];
  const folders = versions.toSorted((a, b) => Number(b) - Number(a)).map((version) => join(VERSIONS, version, 'bin'));
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')));
  if (found === undefined) throw new ServiceError(`PostgreSQL is not installed: no initdb below ${VERSIONS}`);
  return found;
}

/** PostgreSQL refuses to run as root. */
async function asServerUser(command: string): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  const [file, args] = isRoot ? ['su', ['postgres', '-s', '/bin/sh', '-c', command]] : ['/bin/sh', ['-c', command]];
  // From a folder that this user may enter.
  await execute(file as string, args as string[], { cwd: '/' }).catch((error: { stderr?: string; message: string }) => {
    throw new ServiceError(`PostgreSQL did not start: ${error.stderr || error.message}`);
  });
}
