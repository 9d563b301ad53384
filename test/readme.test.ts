import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TemporaryDir, temporaryDatabaseDir } from './support/embedded.ts';

/** A command of the README with the output that stands below it. */
interface Step {
  readonly command: string;
  readonly output: string;
  /** It needs the service to be stopped. */
  readonly stopped: boolean;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const README = readFileSync(`${ROOT}README.md`, 'utf8');
const BLOCKS = /```sh( stopped)?\n([\s\S]*?)\n```\n```(?:json|text)\n([\s\S]*?)\n```/g;
const DOCUMENTED = 'http://127.0.0.1:8080';
const DEADLINE_MS = 20_000;

const steps: Step[] = [...README.matchAll(BLOCKS)].map(([, stopped, command = '', output = '']) => ({
  command,
  output,
  stopped: stopped !== undefined,
}));

let dir: TemporaryDir;
let service: { url: string; stop: () => Promise<number | null> };

beforeAll(async () => {
  dir = await temporaryDatabaseDir();
  service = await startService(dir.dataDir);
});

afterAll(async () => {
  await service.stop();
  await dir.cleanup();
});

describe('the README tells what happens', () => {
  test('every command with an output is found', () => {
    expect(steps.length).toBe(README.split('\n```sh').length - 1);
    expect(steps.length).toBeGreaterThan(8);
  });

  // One test: each command builds on what the ones before it did.
  test('its commands, in order, print what it shows', { timeout: 90_000 }, async () => {
    for (const step of steps) {
      if (step.stopped) expect(await service.stop()).toBe(0);
      await expectOutput(step);
    }
  });
});

/** What was sent a moment ago shows a moment later: a reading command is repeated until it shows it. */
async function expectOutput({ command, output }: Step): Promise<void> {
  const reads = !command.includes(' -d ');
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = timeless(await run(command));
    if (found === timeless(output)) return;
    if (!reads || performance.now() > deadline) return expect(found, command).toBe(timeless(output));
    await setTimeout(50);
  }
}

/** Moments of failures and how often something was retried depend on the machine. */
function timeless(text: string): string {
  return text
    .trim()
    .replace(/"(first|last)FailedAt":"[^"]+"/g, '"$1FailedAt":"-"')
    .replace(/"nextAttemptAt":"[^"]+"/g, '"nextAttemptAt":"-"')
    .replace(/"(attempts|revision)":\d+/g, '"$1":0');
}

async function run(command: string): Promise<string> {
  const env = { ...process.env, DATA_DIR: dir.dataDir };
  const text = command.replaceAll(DOCUMENTED, service.url);
  const { stdout } = await promisify(execFile)('bash', ['-c', text], { cwd: ROOT, env });
  return stdout;
}

async function startService(dataDir: string): Promise<typeof service> {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/commands/consumer.ts'], {
    cwd: ROOT,
    env: { PATH, HOME, DATA_DIR: dataDir, HTTP_PORT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close');
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    await closed;
    return child.exitCode;
  };
  let errors = '';
  for await (const chunk of child.stderr) {
    errors += String(chunk);
    const url = /listening on\s+(http:\S+),/.exec(errors)?.[1];
    if (url !== undefined) return { url, stop };
  }
  throw new Error(`the service did not start: ${errors}`);
}
