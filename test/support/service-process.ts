import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

/** `npm` as people start it; `source` and `build` are one process less. The build starts in a third of the time. */
export type How = 'npm' | 'source' | 'build';
export type CommandName = 'consumer' | 'migrate' | 'positions';
type Variables = Readonly<Record<string, string>>;

/** The exit code, or the signal that killed it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A command of the project that runs in a process group of its own. */
export interface CommandProcess {
  /** The lines on stdout so far. */
  readonly lines: readonly string[];
  stderr(): string;
  /** To the process that was started, not to what it started. */
  signal(name: NodeJS.Signals): void;
  /** To the whole group, as a terminal does on Ctrl-C. */
  signalGroup(name: NodeJS.Signals): void;
  /** When it and whatever it started have ended, or at least let go of its output. */
  readonly exited: Promise<Exit>;
  /** SIGKILL to the whole group. */
  kill9(): Promise<Exit>;
  /** Whether anything of the group still runs. */
  isAlive(): boolean;
}

export interface ServiceProcess extends CommandProcess {
  /** Without a slash at the end. */
  readonly url: string;
}

export interface StartOptions {
  /** Beside PATH and HOME nothing of this process's environment is passed on. */
  readonly env?: Variables;
  /** Default: build; of this project it is the one that was made for this run. */
  readonly how?: How;
  /** Where package.json is; default: this project. */
  readonly folder?: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LISTENING = /listening on\s+(http:\S+),/;

const running = new Set<CommandProcess>();
afterAll(async () => {
  await Promise.all([...running].map((process) => process.kill9()));
});

/** Starts the service on any free port and waits until it says where. Whatever still runs is killed after the tests. */
export async function startService(options: StartOptions = {}): Promise<ServiceProcess> {
  const service = startCommand('consumer', [], { ...options, env: { HTTP_PORT: '0', ...options.env } });
  const ended = service.exited.then(({ code }) => {
    throw new Error(`the service ended with ${code}: ${service.stderr()}`);
  });
  return { ...service, url: await Promise.race([service.saidOnStderr(LISTENING), ended]) };
}

export interface Finished extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function runToEnd(
  command: CommandName,
  args: readonly string[] = [],
  options: StartOptions = {},
): Promise<Finished> {
  const process = startCommand(command, args, options);
  const exit = await process.exited;
  return { ...exit, stdout: process.lines.join('\n'), stderr: process.stderr() };
}

/** `saidOnStderr` waits for a text on stderr and gives what its first group matched. */
export function startCommand(
  command: CommandName,
  args: readonly string[],
  { env = {}, how = 'build', folder = ROOT }: StartOptions = {},
): CommandProcess & { saidOnStderr(pattern: RegExp): Promise<string> } {
  const { PATH = '', HOME = '' } = process.env;
  const [file = '', ...before] = commandLine(command, how, folder);
  const child = spawn(file, [...before, ...args], {
    cwd: folder,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // The leader of a new group, so that its descendants can be found.
    detached: true,
  });
  const output = collectOutput(child);
  const group = child.pid ?? Number.NaN;
  const started: CommandProcess = {
    lines: output.lines,
    stderr: output.stderr,
    signal: (name) => void child.kill(name),
    signalGroup: (name) => void signalGroup(group, name),
    exited: once(child, 'close').then(([code, signal]) => {
      running.delete(started);
      return { code, signal };
    }),
    kill9: () => {
      signalGroup(group, 'SIGKILL');
      return started.exited;
    },
    isAlive: () => signalGroup(group, 0),
  };
  running.add(started);
  return { ...started, saidOnStderr: output.saidOnStderr };
}

function commandLine(command: CommandName, how: How, folder: string): readonly string[] {
  switch (how) {
    case 'npm':
      return command === 'consumer' ? ['npm', 'start'] : ['npm', 'run', '--silent', command, '--'];
    case 'source':
      return [process.execPath, '--import', 'tsx', `src/commands/${command}.ts`];
    case 'build':
      return [process.execPath, `${folder === ROOT ? process.env['TEST_BUILD'] : 'dist'}/commands/${command}.js`];
  }
}

function collectOutput({ stdout, stderr }: ChildProcess) {
  if (stdout === null || stderr === null) throw new Error('spawn gave no pipes');
  const lines: string[] = [];
  let errors = '';
  createInterface({ input: stdout }).on('line', (line) => lines.push(line));
  stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const saidOnStderr = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const found = pattern.exec(errors)?.[1];
      if (found !== undefined) return found;
      await once(stderr, 'data');
    }
  };
  return { lines, stderr: () => errors, saidOnStderr };
}

/** False if nobody of the group is left. Signal 0 only asks. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
