import { execFile, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ServiceError } from './service.ts';

export const execute = promisify(execFile);

const POLL_MS = 50;
const STOP_DEADLINE_MS = 30_000;

/** Starts a process that outlives this one; its output goes to `log`. */
export async function spawnDaemon(
  command: string,
  args: readonly string[],
  { cwd, log, env }: { cwd: string; log: string; env?: NodeJS.ProcessEnv },
): Promise<number> {
  const output = openSync(log, 'a');
  const child = spawn(command, args, {
    cwd,
    detached: true,
    stdio: ['ignore', output, output],
    env: env ?? process.env,
  });
  return new Promise((resolve, reject) => {
    child.once('error', () => reject(new ServiceError(`${command} is not installed`)));
    child.once('spawn', () => {
      child.unref();
      if (child.pid !== undefined) resolve(child.pid);
    });
  });
}

/** Polls until it is so; fails after the deadline, and kills the process then, or when it has ended before. */
export async function waitUntil(
  what: string,
  isSo: () => Promise<boolean>,
  { deadlineMs, pid, log }: { deadlineMs: number; pid?: number; log?: string },
): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await isSo())) {
    const ended = pid !== undefined && !(await isRunning(pid));
    if (ended || Date.now() > deadline) {
      if (pid !== undefined && !ended) process.kill(pid, 'SIGKILL');
      const why = ended ? 'the process ended' : `not within ${deadlineMs / 1000} s`;
      throw new ServiceError(`${what}: ${why}${log === undefined ? '' : `, see ${log}`}`);
    }
    await sleep(POLL_MS);
  }
}

/** A child that ended and was not waited for yet is a zombie: it counts as ended. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
}

/** Signals a process, if it is there, and waits until it is gone. */
export async function endProcess(pid: number, signal: NodeJS.Signals): Promise<void> {
  if (!(await isRunning(pid))) return;
  process.kill(pid, signal);
  await waitUntil(`process ${pid} ends`, async () => !(await isRunning(pid)), { deadlineMs: STOP_DEADLINE_MS });
}
