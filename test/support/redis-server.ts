import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';

const run = promisify(execFile);

/** A Redis server of a test's own, which it may kill. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** For what a test does behind the mirror's back; comes back by itself. */
  readonly admin: Redis;
  start(): Promise<void>;
  /** Saves nothing. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Stops it and deletes its data. */
  dispose(): Promise<void>;
}

/** Whether tests with a server of their own can run; a run that requires Redis fails without the program. */
export async function hasRedisServer(): Promise<boolean> {
  try {
    await run('redis-server', ['--version']);
    return true;
  } catch (error) {
    if ((process.env['REQUIRE_SERVICES'] ?? '').split(',').includes('redis')) {
      throw new Error('REQUIRE_SERVICES names redis, but redis-server is not installed', { cause: error });
    }
    return false;
  }
}

/** `settings` as on redis-server's command line, such as `['--appendonly', 'yes']`. */
export async function startRedisServer(settings: readonly string[] = []): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'order-pipeline-redis-'));
  const port = await freePort();
  // While the server is away a command of a test waits until it is back, however long that takes.
  const waiting = { lazyConnect: true, retryStrategy: () => 20, maxRetriesPerRequest: null };
  const admin = new Redis({ port, host: '127.0.0.1', ...waiting, ...login(settings) });
  admin.on('error', () => {});
  let server: ChildProcess | null = null;

  async function start(): Promise<void> {
    const fixed = [
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--enable-debug-command',
      'local',
    ];
    server = spawn('redis-server', [...fixed, ...settings], { stdio: 'ignore' });
    await admin.ping();
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = server;
    server = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = once(ending, 'exit');
    ending.kill(signal);
    await gone;
  }

  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    folder,
    admin,
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    dispose: async () => {
      admin.disconnect();
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** The password that the settings demand. */
function login(settings: readonly string[]): { password?: string } {
  const at = settings.indexOf('--requirepass');
  const password = at === -1 ? undefined : settings[at + 1];
  return password === undefined ? {} : { password };
}
