import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, portsOf } from './ports.ts';
import { endProcess, spawnDaemon, waitUntil } from './processes.ts';
import type { RunningService, StartOptions } from './service.ts';

const START_DEADLINE_MS = 10_000;

/** Starts a Redis server on this machine that keeps nothing on the disk, and waits until it answers. */
export async function startRedis({ dir, port }: StartOptions): Promise<RunningService> {
  await mkdir(dir, { recursive: true });
  const [listen = 0] = await portsOf(dir, 1, port);
  const log = join(dir, 'redis.log');
  const args = ['--port', `${listen}`, '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no'];
  const pid = await spawnDaemon('redis-server', args, { cwd: dir, log });
  const answers = async (): Promise<boolean> => `${await ask(listen, Buffer.from('PING\r\n'))}`.startsWith('+PONG');
  await waitUntil('Redis answers', answers, { deadlineMs: START_DEADLINE_MS, pid, log });
  return {
    address: `redis://127.0.0.1:${listen}`,
    pid,
    stop: () => endProcess(pid, 'SIGTERM'),
    kill: () => endProcess(pid, 'SIGKILL'),
  };
}
