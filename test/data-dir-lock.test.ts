import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDataDir } from '../src/data-dir-lock.ts';
import { startChild } from './support/child.ts';
import { type TemporaryDir, temporaryDir } from './support/embedded.ts';

let dir: TemporaryDir;
beforeEach(async () => {
  dir = await temporaryDir();
});
afterEach(() => dir.cleanup());

const inUse = { kind: 'defect', code: 'DATA_DIR_IN_USE' };

test('a second opener in the same process is refused and told what to do', async () => {
  const lock = await lockDataDir(dir.dataDir);
  await expect(lockDataDir(dir.dataDir)).rejects.toMatchObject({
    ...inUse,
    message: expect.stringContaining('another DATA_DIR'),
  });
  await lock.release();
});

test('another path of the same directory is refused', async () => {
  const other = await temporaryDir();
  const path = join(other.dataDir, 'link');
  await symlink(dir.dataDir, path);
  const lock = await lockDataDir(dir.dataDir);
  await expect(lockDataDir(path)).rejects.toMatchObject(inUse);
  await lock.release();
  await other.cleanup();
});

test('a released lock is free, and releasing twice is the same promise', async () => {
  const lock = await lockDataDir(dir.dataDir);
  const released = lock.release();
  expect(lock.release()).toBe(released);
  await released;
  const next = await lockDataDir(dir.dataDir);
  await next.release();
});

test('two directories are two locks', async () => {
  const other = await temporaryDir();
  const locks = [await lockDataDir(dir.dataDir), await lockDataDir(other.dataDir)];
  await Promise.all(locks.map((lock) => lock.release()));
  await other.cleanup();
});

test('another process is refused while the holder lives, and not once it is killed', async () => {
  const holder = startChild('./embedded-child.ts', ['lock', dir.dataDir]);
  expect(await holder.nextLine()).toBe('locked');
  await expect(lockDataDir(dir.dataDir)).rejects.toMatchObject(inUse);
  await holder.kill();
  const lock = await lockDataDir(dir.dataDir);
  await lock.release();
});
