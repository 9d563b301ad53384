import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type ClientRequest, request } from 'node:http';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryDatabaseDir } from '../support/embedded.ts';
import { eventually } from '../support/pipeline-driver.ts';
import { adjustment } from '../support/records.ts';
import { type ServiceProcess, startService } from '../support/service-process.ts';
import { get, post, quantityOf } from './requests.ts';

const TIMEOUT = { timeout: 60_000 };

async function ownDataDir(): Promise<string> {
  const { dataDir, cleanup } = await temporaryDatabaseDir();
  onTestFinished(cleanup);
  return dataDir;
}

function logged(service: ServiceProcess, message: string): boolean {
  return service.lines.some((line) => line.includes(`"msg":"${message}"`));
}

describe('npm start', TIMEOUT, () => {
  test.each([
    ['without a token', {}],
    ['with a token', { ADMIN_TOKEN: 'secret-token' }],
  ])('%s names the adapters, and the line to try works as it is printed', async (_, token) => {
    const dataDir = await ownDataDir();
    const service = await startService({ how: 'npm', env: { DATA_DIR: dataDir, ...token } });
    expect(service.stderr()).toContain(`event log           embedded (${dataDir}), topic order-events`);
    expect(service.stderr()).toContain(`order store         embedded (${dataDir})`);
    expect(service.stderr()).toContain('dead-letter mirror  none');
    expect(service.stderr()).not.toContain('secret-token');

    await eventually('the line to try', () => service.stderr().endsWith("'\n\n"));
    const line = service.stderr().trim().split('\n').at(-1) ?? '';
    const { stdout } = await promisify(execFile)('bash', ['-c', line], { env: { ...process.env, ...token } });
    expect(JSON.parse(stdout)).toMatchObject({ accepted: 1 });
    const { userId } = JSON.parse(/-d '(.+)'/.exec(line)?.[1] ?? '').payload;
    const user = () => get(`${service.url}/users/${userId}`);
    await eventually('the user is there', async () => (await user()).status === 200);
    expect((await user()).body).toMatchObject({ userId });
    await service.kill9();
  });

  // The start script begins with exec: a shell between npm and node would take the signal and die alone.
  test.each([
    // What a process supervisor does, and a container whose first process is npm.
    ['SIGTERM to npm alone', (service: ServiceProcess) => service.signal('SIGTERM')],
    // The terminal tells npm and node, and npm passes it on to node.
    ['Ctrl-C', (service: ServiceProcess) => service.signalGroup('SIGINT')],
  ])('%s ends all of it in order, and nothing runs on', { timeout: 15_000 }, async (_, end) => {
    const service = await startService({ how: 'npm', env: { DATA_DIR: await ownDataDir() } });
    end(service);
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(logged(service, 'stopped')).toBe(true);
    expect(service.isAlive()).toBe(false);
  });
});

describe('a stop', TIMEOUT, () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s in the middle of 3,000 events loses none of them and counts none twice',
    async (signal) => {
      // Many batches, so that one is always under way.
      const env = { DATA_DIR: await ownDataDir(), BATCH_MAX_RECORDS: '100' };
      const service = await startService({ env });
      const events = Array.from({ length: 3_000 }, (_, n) => adjustment(`s${n % 5}`, 1));
      for (let from = 0; from < events.length; from += 1_000) {
        await post(service.url, events.slice(from, from + 1_000));
      }
      await eventually('a batch', () => logged(service, 'batch applied'));
      service.signal(signal);
      expect(await service.exited).toEqual({ code: 0, signal: null });
      // What the log says was applied is what is in the store: no batch was cut off between the two.
      const before = appliedRecords(service);
      expect(before).toBeGreaterThan(0);
      expect(logged(service, 'stopped')).toBe(true);

      const again = await startService({ env });
      await eventually('all read', async () => (await total(again.url)) >= events.length);
      expect(await total(again.url)).toBe(events.length);
      await eventually('all logged', () => appliedRecords(again) >= events.length - before);
      expect(appliedRecords(again)).toBe(events.length - before);
      await again.kill9();
    },
  );

  test('answers the request under way, and keeps what it acknowledged', async () => {
    const env = { DATA_DIR: await ownDataDir() };
    const service = await startService({ env });
    const { sending, finish } = await halfSent(service.url, JSON.stringify(adjustment('late', 7)));
    service.signal('SIGTERM');
    await eventually('stopping', () => logged(service, 'stopping'));
    expect(logged(service, 'stopped')).toBe(false);
    finish();
    const [response] = await once(sending, 'response');
    expect(response.statusCode).toBe(202);
    response.resume();
    expect(await service.exited).toEqual({ code: 0, signal: null });

    const again = await startService({ env });
    await eventually('counted', async () => (await quantityOf(again.url, 'late')) === 7);
    await again.kill9();
  });

  test('that a client holds up is cut short by the deadline, in order', async () => {
    const service = await startService({ env: { DATA_DIR: await ownDataDir(), SHUTDOWN_DEADLINE: '2s' } });
    const { sending } = await halfSent(service.url, '{}');
    sending.on('error', () => undefined);
    const from = performance.now();
    service.signal('SIGTERM');
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - from).toBeLessThan(10_000);
  });

  test('by a second signal is at once', async () => {
    const service = await startService({ env: { DATA_DIR: await ownDataDir(), SHUTDOWN_DEADLINE: '10m' } });
    const { sending } = await halfSent(service.url, '{}');
    sending.on('error', () => undefined);
    // Two at the same moment are one: under npm a Ctrl-C arrives twice.
    service.signal('SIGINT');
    service.signal('SIGINT');
    await eventually('stopping', () => logged(service, 'stopping'));
    expect(service.isAlive()).toBe(true);
    await eventually('the second counts', () => {
      service.signal('SIGINT');
      return !service.isAlive();
    });
    expect(await service.exited).toEqual({ code: 130, signal: null });
    expect(logged(service, 'stopped')).toBe(false);
  });
});

function appliedRecords({ lines }: ServiceProcess): number {
  const batches = lines.filter((line) => line.includes('"msg":"batch applied"'));
  return batches.reduce((sum, line) => sum + (JSON.parse(line) as { records: number }).records, 0);
}

async function total(url: string): Promise<number> {
  const quantities = await Promise.all(['s0', 's1', 's2', 's3', 's4'].map((sku) => quantityOf(url, sku)));
  return quantities.reduce((sum, quantity) => sum + quantity, 0);
}

/** A POST whose last byte is missing, once the service reads it. */
async function halfSent(url: string, body: string): Promise<{ sending: ClientRequest; finish: () => void }> {
  const headers = { 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' };
  const sending = request(`${url}/events`, { method: 'POST', headers, agent: false });
  sending.flushHeaders();
  await once(sending, 'continue');
  sending.write(body.slice(0, -1));
  return { sending, finish: () => sending.end(body.slice(-1)) };
}
