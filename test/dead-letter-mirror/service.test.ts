import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { get, post } from '../commands/requests.ts';
import { type TemporaryDir, temporaryDir } from '../support/embedded.ts';
import { eventually } from '../support/pipeline-driver.ts';
import { user } from '../support/records.ts';
import { hasRedisServer, type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { viewMirror } from '../support/redis-view.ts';
import { type ServiceProcess, startService } from '../support/service-process.ts';

const PREFIX = 'letters:{test}';

interface Health {
  readonly status: string;
  readonly parts: { readonly deadLetterMirror: { readonly status: string; readonly detail: Record<string, unknown> } };
}

describe.skipIf(!(await hasRedisServer()))('the service with REDIS_URL', { timeout: 60_000 }, () => {
  let temporary: TemporaryDir;
  let redis: RedisServer;
  let service: ServiceProcess;

  beforeAll(async () => {
    [temporary, redis] = await Promise.all([temporaryDir(), startRedisServer(['--requirepass', 'Canary-77'])]);
  });
  afterAll(async () => {
    await redis.dispose();
    await temporary.cleanup();
  });

  const health = async (): Promise<Health> => (await (await fetch(`${service.url}/health`)).json()) as Health;
  const mirrorIs = (status: string): Promise<void> =>
    eventually(`mirror ${status}`, async () => (await health()).parts.deadLetterMirror.status === status);

  test('starts, is ready and serves while Redis is away, and says so; then the letters are there', async () => {
    await redis.stop();
    const REDIS_URL = redis.url.replace('//', '//:Canary-77@');
    const DATA_DIR = `${temporary.dataDir}/data`;
    service = await startService({ env: { REDIS_URL, DLQ_PREFIX: PREFIX, DATA_DIR } });
    expect(service.stderr()).toContain(`dead-letter mirror  redis, keys ${PREFIX}:*`);
    await mirrorIs('degraded');
    expect((await health()).status).toBe('degraded');
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
    expect((await fetch(`${service.url}/ready`)).status).toBe(200);

    await post(service.url, [user('u1')]);
    const raw = { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: '{' };
    await fetch(`${service.url}/events/raw`, raw);
    await eventually('the user', async () => (await get(`${service.url}/users/u1`)).status === 200);

    await redis.start();
    await mirrorIs('up');
    await eventually('complete', async () => (await health()).parts.deadLetterMirror.detail['complete'] === true);
    const { dead, entries } = await viewMirror(redis.admin, PREFIX);
    expect(dead).toHaveLength(1);
    expect(Object.values(entries)).toMatchObject([{ reason: 'INVALID_JSON', payload: '{' }]);
    expect((await health()).parts.deadLetterMirror.detail).toEqual({ kind: 'redis', role: 'sending', complete: true });

    service.signal('SIGTERM');
    expect((await service.exited).code).toBe(0);
    const output = service.lines.join('\n') + service.stderr();
    expect(output).toContain('mirror of the dead letters fails');
    expect(output).toContain('mirror of the dead letters is complete');
    expect(output).not.toContain('Canary-77');
    expect(output).not.toContain('Unhandled');
  });
});
