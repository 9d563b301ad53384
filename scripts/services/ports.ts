import { readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

/** Free ports, all different. Somebody else may take one before it is used; the start fails then. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject).listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** The ports that this directory's server had before, so that clients find it again; free ones the first time. */
export async function portsOf(dir: string, count: number, wanted?: number): Promise<number[]> {
  const file = join(dir, 'ports.json');
  const before = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as number[],
    () => null,
  );
  const ports = before?.length === count ? before : await freePorts(count);
  if (wanted !== undefined) ports[0] = wanted;
  await writeFile(file, JSON.stringify(ports));
  return ports;
}

/** Sends bytes to a port of this machine and gives the first bytes of the answer; null if there is none in a second. */
export function ask(port: number, question: Uint8Array): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1000 }, () => socket.write(question));
    const finish = (answer: Buffer | null): void => {
      resolve(answer);
      socket.destroy();
    };
    socket.once('data', finish);
    socket.once('timeout', () => finish(null));
    socket.once('error', () => finish(null));
    socket.once('close', () => finish(null));
  });
}
