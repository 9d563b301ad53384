import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HealthReport } from '../../src/http/health.ts';
import { type TemporaryDir, temporaryDatabaseDir } from '../support/embedded.ts';
import { eventually } from '../support/pipeline-driver.ts';
import { type OwnServer, postgresBinaries, startOwnServer } from '../support/postgres-server.ts';
import { adjustment } from '../support/records.ts';
import { type ServiceProcess, startService } from '../support/service-process.ts';
import { createDatabase } from '../support/stores.ts';
import { get, post, quantityOf } from './requests.ts';

const binaries = postgresBinaries();

describe.skipIf(binaries === null)('PostgreSQL away from a running service', { timeout: 120_000 }, () => {
  let server: OwnServer;
  let dir: TemporaryDir;
  let service: ServiceProcess;

  beforeAll(async () => {
    [server, dir] = await Promise.all([startOwnServer(binaries ?? ''), temporaryDatabaseDir()]);
    const { url } = await createDatabase(server.url);
    service = await startService({ env: { POSTGRES_URL: url, DATA_DIR: dir.dataDir } });
  });
  afterAll(async () => {
    await service.kill9();
    await server.dispose();
    await dir.cleanup();
  });

  const ready = () => get<{ detail?: string }>(`${service.url}/ready`);
  const health = () => get<HealthReport>(`${service.url}/health`);

  test('not ready, saying why, and degraded; ready and up again by itself, with what was sent meanwhile', async () => {
    await post(service.url, [adjustment('s', 1)]);
    await eventually('counted', async () => (await quantityOf(service.url, 's')) === 1);
    expect((await ready()).status).toBe(200);
    expect((await health()).body).toMatchObject({
      status: 'up',
      parts: { orderStore: { detail: { kind: 'postgres' } } },
    });

    await server.stop();
    await post(service.url, [adjustment('s', 2)]);
    await eventually('not ready', async () => (await ready()).status === 503);
    expect((await ready()).body.detail).toMatch(/partition \d.*(ECONNREFUSED|57P01|terminat)/i);
    const during = await health();
    expect(during.status).toBe(200);
    expect(during.body).toMatchObject({ status: 'degraded', parts: { orderStore: { status: 'degraded' } } });
    expect((await fetch(`${service.url}/inventory/s`)).status).toBe(503);

    await server.start();
    await eventually('ready again', async () => (await ready()).status === 200);
    await eventually('up again', async () => (await health()).body.status === 'up');
    await eventually('nothing lost', async () => (await quantityOf(service.url, 's')) === 3);
    expect(service.isAlive()).toBe(true);
  });
});
