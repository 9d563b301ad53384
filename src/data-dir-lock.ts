import { type BigIntStats, existsSync } from 'node:fs';
import { stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PipelineError } from './errors.ts';

export interface DataDirLock {
  /** Called twice it is the same promise. */
  release(): Promise<void>;
}

/**
 * Takes a directory, which must exist, for this process alone: the embedded database would let a second one write into
 * its files. The lock is a listening local socket named after the directory's device and inode, so that the kernel
 * gives it up however the process dies, a process id used again means nothing, and two paths of one directory are one
 * lock. It holds within one machine; containers that share a volume but not their network do not see each other's.
 *
 * @throws PipelineError defect DATA_DIR_IN_USE
 */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const address = lockAddress(await stat(dataDir, { bigint: true }));
  const server = await listen(address, dataDir);
  let released: Promise<void> | null = null;
  return {
    release: () => {
      released ??= new Promise((resolve) => server.close(() => resolve()));
      return released;
    },
  };
}

function lockAddress({ dev, ino }: BigIntStats): string {
  const name = `order-pipeline-${dev}-${ino}`;
  if (process.platform === 'linux') return `\0${name}`;
  if (process.platform === 'win32') return `\\\\?\\pipe\\${name}`;
  return join(tmpdir(), `${name}.sock`);
}

async function listen(address: string, dataDir: string): Promise<Server> {
  try {
    return await tryListen(address);
  } catch (error) {
    if (!isInUse(error)) throw error;
    if (!(await isAbandoned(address))) throw inUse(dataDir, error);
  }
  // Two processes that take over at the very same moment could both succeed; only where sockets are files (macOS).
  await unlink(address);
  return tryListen(address);
}

function tryListen(address: string): Promise<Server> {
  // Whoever connects only wants to know whether somebody is there.
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // exclusive: in a cluster worker the socket would otherwise be shared with its siblings.
    server.listen({ path: address, exclusive: true }, () => {
      server.off('error', reject);
      // Too many open files make accept fail; the address is held all the same.
      server.on('error', () => undefined);
      resolve(server.unref());
    });
  });
}

/** A socket file stays behind when its process is killed; nothing answers on it any more. */
function isAbandoned(address: string): Promise<boolean> {
  if (!existsSync(address)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
}

function inUse(dataDir: string, cause: unknown): PipelineError {
  const message = `${dataDir} is used by another process of the order pipeline: stop that one, or set another DATA_DIR`;
  return new PipelineError('defect', 'DATA_DIR_IN_USE', message, cause);
}
