import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { describe } from 'vitest';
import { openRedisMirror } from '../../src/dead-letter-mirror/redis.ts';
import { deadLetterMirrorContract, type OpenedMirror } from '../contracts/dead-letter-mirror.ts';
import { hasRedisServer, startRedisServer } from '../support/redis-server.ts';
import { viewMirror } from '../support/redis-view.ts';

const shared = process.env['TEST_REDIS_URL'] ?? null;
const own = await hasRedisServer();

describe.skipIf(shared === null && !own)('Redis', () => {
  deadLetterMirrorContract({ name: 'Redis', open: () => (shared === null ? openOwn() : openShared(shared)) });
});

/** Under a prefix of its own: others may use the server. The prefix has what SCAN would take for a pattern. */
async function openShared(url: string): Promise<OpenedMirror> {
  const admin = new Redis(url);
  const opened = openedMirror(admin, url);
  return {
    ...opened,
    close: async () => {
      await opened.empty();
      admin.disconnect();
    },
  };
}

async function openOwn(): Promise<OpenedMirror> {
  const server = await startRedisServer();
  return { ...openedMirror(server.admin, server.url), close: () => server.dispose() };
}

function openedMirror(admin: Redis, url: string): Omit<OpenedMirror, 'close'> {
  const prefix = `test-${randomUUID()}*[a-z]?\\:{orders}`;
  return {
    connect: () => openRedisMirror({ url, prefix }),
    view: () => viewMirror(admin, prefix),
    empty: async () => {
      const keys = (await admin.keys('*')).filter((key) => key.startsWith(prefix));
      if (keys.length > 0) await admin.del(keys);
    },
  };
}
