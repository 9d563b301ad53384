import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startKafka } from './kafka.ts';
import { startPostgres } from './postgres.ts';
import { endProcess, isRunning } from './processes.ts';
import { startRedis } from './redis.ts';
import { ServiceError } from './service.ts';

const HELP = `Real servers for tests, without Docker, on free ports of this machine; data in ./.services.

Usage: npm run --silent services -- start|stop|env|status [kafka] [postgres] [redis] [--json]

  start   starts what does not run yet and waits until it answers; prints the variables as env does
  env     prints the variables for tests: eval "$(npm run --silent services -- env)"
  status  says what runs
  stop    ends what runs and deletes its data

Kafka needs java (17 or newer) and, the first time, mvn; PostgreSQL Debian's packages; Redis redis-server.`;

const SERVICES = {
  kafka: { variable: 'TEST_KAFKA_BROKERS', start: startKafka, stopSignal: 'SIGTERM' },
  postgres: { variable: 'TEST_POSTGRES_URL', start: startPostgres, stopSignal: 'SIGINT' },
  redis: { variable: 'TEST_REDIS_URL', start: startRedis, stopSignal: 'SIGTERM' },
} as const;

type Name = keyof typeof SERVICES;
const NAMES = Object.keys(SERVICES) as Name[];

const FOLDER = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.services');

/** What is kept of a started server, so that a later call finds it. */
interface Started {
  readonly pid: number;
  readonly address: string;
}

async function running(name: Name): Promise<Started | null> {
  const text = await readFile(join(FOLDER, `${name}.json`), 'utf8').catch(() => null);
  const started = text === null ? null : (JSON.parse(text) as Started);
  return started !== null && (await isRunning(started.pid)) ? started : null;
}

async function start(name: Name): Promise<void> {
  if ((await running(name)) !== null) return;
  await mkdir(FOLDER, { recursive: true });
  const { pid, address } = await SERVICES[name].start({ dir: join(FOLDER, name) });
  await writeFile(join(FOLDER, `${name}.json`), JSON.stringify({ pid, address }));
}

async function stop(name: Name): Promise<void> {
  const started = await running(name);
  if (started !== null) await endProcess(started.pid, SERVICES[name].stopSignal);
  await rm(join(FOLDER, `${name}.json`), { force: true });
  await rm(join(FOLDER, name), { recursive: true, force: true });
}

async function printEnv(names: readonly Name[], json: boolean): Promise<void> {
  const variables: Record<string, string> = {};
  for (const name of names) {
    const started = await running(name);
    if (started !== null) variables[SERVICES[name].variable] = started.address;
  }
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`);
  console.log(json ? JSON.stringify(variables) : lines.join('\n'));
}

async function printStatus(names: readonly Name[], json: boolean): Promise<void> {
  const status = await Promise.all(names.map(async (name) => [name, await running(name)] as const));
  if (json) return console.log(JSON.stringify(Object.fromEntries(status)));
  for (const [name, started] of status) {
    console.log(`${name.padEnd(8)}  ${started === null ? 'stopped' : `${started.address}, process ${started.pid}`}`);
  }
}

async function run(verb: string | undefined, names: readonly Name[], json: boolean): Promise<void> {
  switch (verb) {
    case 'start':
      // One after the other: two cores, and the first that fails says why.
      for (const name of names) await start(name);
      return printEnv(names, json);
    case 'stop':
      for (const name of names) await stop(name);
      return;
    case 'env':
      return printEnv(names, json);
    case 'status':
      return printStatus(names, json);
    default:
      throw new ServiceError(`say what to do: start, stop, env or status\n\n${HELP}`);
  }
}

async function main(): Promise<void> {
  const options = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help === true) return console.log(HELP);
  const [verb, ...wanted] = positionals;
  const unknown = wanted.find((name) => !(NAMES as string[]).includes(name));
  if (unknown !== undefined) throw new ServiceError(`no service ${unknown}: there are ${NAMES.join(', ')}`);
  await run(verb, wanted.length === 0 ? NAMES : NAMES.filter((name) => wanted.includes(name)), values.json === true);
}

main().catch((error: unknown) => {
  console.error(`services: ${error instanceof ServiceError ? error.message : String(error)}`);
  process.exitCode = 1;
});
