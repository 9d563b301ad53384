import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ask, portsOf } from './ports.ts';
import { endProcess, execute, spawnDaemon, waitUntil } from './processes.ts';
import { type RunningService, ServiceError, type StartOptions } from './service.ts';

/** Newer ones exist whose artifacts do not resolve. */
const KAFKA_VERSION = '4.3.1';
const LOG4J_VERSION = '2.25.4';
const START_DEADLINE_MS = 60_000;

/** Small: 170 MiB resident. The first compiler alone halves the start. */
const JVM_FLAGS = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:MaxDirectMemorySize=64m'];

export interface KafkaOptions extends StartOptions {
  /** One more listener, named SECURE: its port on localhost, its protocol, and the broker's properties for it. */
  readonly secure?: { readonly port: number; readonly protocol: string; readonly properties: readonly string[] };
}

/**
 * Starts a Kafka broker (broker and controller in one process) on this machine, from the jars of Maven Central, and
 * waits until it answers. Needs Java 17 and, the first time, Maven.
 */
export async function startKafka({ dir, port, secure }: KafkaOptions): Promise<RunningService> {
  const jars = await kafkaJars();
  await mkdir(dir, { recursive: true });
  const [brokerPort = 0, controllerPort = 0] = await portsOf(dir, 2, port);
  const properties = join(dir, 'server.properties');
  await writeFile(
    properties,
    serverProperties(dir, brokerPort, controllerPort) + secureListener(brokerPort, controllerPort, secure),
  );
  if (!existsSync(join(dir, 'data', 'meta.properties'))) await format(jars, properties);
  const log = join(dir, 'kafka.log');
  const args = [...JVM_FLAGS, '-cp', join(jars, '*'), 'kafka.Kafka', properties];
  const pid = await spawnDaemon('java', args, { cwd: dir, log });
  await waitUntil('Kafka answers', () => answers(brokerPort), { deadlineMs: START_DEADLINE_MS, pid, log });
  return {
    address: `127.0.0.1:${brokerPort}`,
    pid,
    stop: () => endProcess(pid, 'SIGTERM'),
    kill: () => endProcess(pid, 'SIGKILL'),
  };
}

async function format(jars: string, properties: string): Promise<void> {
  // A random id that begins with '-', one in 64, is taken for a flag.
  const clusterId = `x${Buffer.from(crypto.getRandomValues(new Uint8Array(16)))
    .toString('base64url')
    .slice(1)}`;
  await java(['-cp', join(jars, '*'), 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties]);
}

async function java(args: readonly string[]): Promise<void> {
  await execute('java', args).catch((error: NodeJS.ErrnoException & { stderr?: string }) => {
    if (error.code === 'ENOENT') throw new ServiceError('java is not installed: install a JRE, 17 or newer');
    throw new ServiceError(`java failed: ${error.stderr ?? error.message}`);
  });
}

function serverProperties(dir: string, brokerPort: number, controllerPort: number): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${brokerPort},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${brokerPort}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=${join(dir, 'data')}
num.partitions=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# Back 4 s after kill -9, not 12.
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
auto.create.topics.enable=false
delete.topic.enable=true
`;
}

/** Of a name that is given twice, Java takes the last. */
function secureListener(brokerPort: number, controllerPort: number, secure: KafkaOptions['secure']): string {
  if (secure === undefined) return '';
  const { port, protocol, properties } = secure;
  return `listeners=PLAINTEXT://127.0.0.1:${brokerPort},CONTROLLER://127.0.0.1:${controllerPort},SECURE://127.0.0.1:${port}
advertised.listeners=PLAINTEXT://127.0.0.1:${brokerPort},SECURE://localhost:${port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:${protocol}
${properties.join('\n')}
`;
}

/** Whether the broker answers an ApiVersions request (api 18, version 0) with error code 0. */
async function answers(port: number): Promise<boolean> {
  const question = Buffer.from('0000000a001200000000000affff', 'hex');
  const answer = await ask(port, question);
  return answer !== null && answer.length >= 10 && answer.readInt16BE(8) === 0;
}

/** The folder of Kafka's jars, fetched once for all checkouts (44 MB). */
async function kafkaJars(): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'order-pipeline');
  const jars = join(cache, `kafka-${KAFKA_VERSION}`);
  if (existsSync(jars)) return jars;
  const fetching = join(cache, `fetching-${process.pid}`);
  try {
    await fetchJars(fetching);
    // In one step: whoever sees the folder sees all of it. Another process may have been faster.
    await rename(join(fetching, 'jars'), jars).catch((error: unknown) => {
      if (!existsSync(jars)) throw error;
    });
  } finally {
    await rm(fetching, { recursive: true, force: true });
  }
  return jars;
}

async function fetchJars(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'pom.xml'), POM);
  const args = ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=jars'];
  await execute('mvn', args, { cwd: folder }).catch((error: NodeJS.ErrnoException & { stdout?: string }) => {
    if (error.code === 'ENOENT') throw new ServiceError('mvn is not installed: it fetches Kafka the first time');
    throw new ServiceError(`Maven could not fetch Kafka: ${error.stdout || error.message}`);
  });
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>${LOG4J_VERSION}</version></dependency>
  </dependencies>
</project>
`;
