import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { get, post } from './commands/requests.ts';
import { type TemporaryDir, temporaryDir } from './support/embedded.ts';
import { eventually } from './support/pipeline-driver.ts';
import { user } from './support/records.ts';
import { runToEnd, startService } from './support/service-process.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

/** What an image contains: the build and its dependencies, neither source nor tools. */
describe('the build in an empty folder', { timeout: 120_000 }, () => {
  let temporary: TemporaryDir;
  let folder: string;

  beforeAll(async () => {
    temporary = await temporaryDir();
    folder = join(temporary.dataDir, 'app');
    await mkdir(folder);
    // Not into this project's dist, which others may be running.
    await run(process.execPath, ['scripts/build.mjs', join(folder, 'dist')], { cwd: ROOT });
    for (const file of ['package.json', 'package-lock.json']) await cp(join(ROOT, file), join(folder, file));
    await run('npm', ['ci', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder });
  }, 180_000);
  afterAll(() => temporary.cleanup());

  test('serves, consumes and makes its own DATA_DIR, without the tools of development', async () => {
    const service = await startService({ how: 'build', folder, env: { DATA_DIR: join(folder, 'data') } });
    await post(service.url, [user('u1')]);
    await eventually('the user is there', async () => (await get(`${service.url}/users/u1`)).status === 200);
    const page = await (await fetch(`${service.url}/docs`)).text();
    const assets = [...page.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(([, path]) => path);
    expect(assets.length).toBeGreaterThan(2);
    for (const path of assets) expect((await fetch(`${service.url}/${path}`)).status, path).toBe(200);
    service.signal('SIGTERM');
    expect(await service.exited).toEqual({ code: 0, signal: null });

    const env = { DATA_DIR: join(folder, 'data') };
    const shown = await runToEnd('positions', ['show', '--json'], { how: 'build', folder, env });
    expect(shown.code, shown.stderr).toBe(0);
    const { partitions } = JSON.parse(shown.stdout) as { partitions: Array<{ position: string; end: string }> };
    expect(partitions.map(({ position }) => Number(position)).reduce((sum, position) => sum + position)).toBe(1);
    await expect(run('ls', [join(folder, 'node_modules', 'tsx')])).rejects.toThrow();
  });

  test('has the other commands', async () => {
    const help = await runToEnd('migrate', ['--help'], { how: 'build', folder });
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('npm run migrate');
  });
});
