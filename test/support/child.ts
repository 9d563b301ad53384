import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Child {
  /** The next line it prints. Fails, with what it said on stderr, if it ends instead. */
  nextLine(): Promise<string>;
  /** SIGKILL. Gives every line printed before, read or not. */
  kill(): Promise<readonly string[]>;
}

/** Runs a TypeScript file of this folder in a process of its own. */
export function startChild(file: string, args: readonly string[]): Child {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', path, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.stdout === null || child.stderr === null) throw new Error('spawn gave no pipes');
  const lines: string[] = [];
  const errors: string[] = [];
  let read = 0;
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => lines.push(line));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  const closed = once(child, 'close');

  return {
    nextLine: async () => {
      while (lines.length <= read) {
        if (child.exitCode !== null) throw new Error(`the child ended: ${errors.join('')}`);
        await Promise.race([once(output, 'line'), closed]);
      }
      read += 1;
      return lines[read - 1] ?? '';
    },
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
      return lines;
    },
  };
}
