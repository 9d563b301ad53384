import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startKafka } from '../../scripts/services/kafka.ts';
import { freePorts } from '../../scripts/services/ports.ts';
import type { RunningService } from '../../scripts/services/service.ts';
import { recordDeliveries } from '../support/deliveries.ts';
import { kafkaBrokers, kafkaOptions, openLogs } from '../support/kafka.ts';

const SASL = { mechanism: 'plain', username: 'service', password: 'secret' } as const;

describe.skipIf(kafkaBrokers === null)('Kafka with TLS and a login', { timeout: 60_000 }, () => {
  const logs = openLogs();
  let dir: string;
  let ca: string;
  let broker: RunningService;
  let address: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'order-pipeline-kafka-'));
    const [key, certificate, both] = ['key', 'certificate', 'both'].map((name) => join(dir, `${name}.pem`));
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const files = ['-keyout', key ?? '', '-out', certificate ?? ''];
    await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files, ...subject]);
    ca = await readFile(certificate ?? '', 'utf8');
    await writeFile(both ?? '', `${await readFile(key ?? '', 'utf8')}${ca}`);
    const [port = 0] = await freePorts(1);
    const module = 'org.apache.kafka.common.security.plain.PlainLoginModule';
    const properties = [
      'listener.name.secure.ssl.keystore.type=PEM',
      `listener.name.secure.ssl.keystore.location=${both}`,
      'listener.name.secure.sasl.enabled.mechanisms=PLAIN',
      `listener.name.secure.plain.sasl.jaas.config=${module} required user_${SASL.username}="${SASL.password}";`,
    ];
    broker = await startKafka({ dir, secure: { port, protocol: 'SASL_SSL', properties } });
    address = `localhost:${port}`;
  });
  afterEach(() => logs.closeAll());
  afterAll(async () => {
    await broker.kill();
    await rm(dir, { recursive: true, force: true });
  });

  test('a record is appended and delivered', async () => {
    const log = await logs.open(kafkaOptions(address, { ssl: { ca, cert: null, key: null }, sasl: SASL }));
    await log.append([{ key: null, value: Buffer.from('x') }]);
    const seen = recordDeliveries();
    await log.consume(seen.handler);
    await seen.until('the record', () => seen.records().length === 1);
  });

  test('a refused login is a defect, and does not repeat the password', async () => {
    const sasl = { ...SASL, password: 'not-the-one' };
    const refused = logs.open(kafkaOptions(address, { ssl: { ca, cert: null, key: null }, sasl }));
    const error = await refused.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'PipelineError', kind: 'defect' });
    expect(String(error)).not.toContain('not-the-one');
  });

  test('a certificate nobody vouches for is refused', async () => {
    const refused = logs.open(kafkaOptions(address, { ssl: { ca: null, cert: null, key: null }, sasl: SASL }));
    await expect(refused).rejects.toMatchObject({
      name: 'PipelineError',
      message: expect.stringMatching(/certificate/),
    });
  });
});
