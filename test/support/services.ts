import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import { withAdmin } from './kafka-foreign.ts';
import { hasRedisServer } from './redis-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Which servers this run may use. A server is used when its variable names it; a server that REQUIRE_SERVICES names
 * and that is not there fails the run, so that no test is skipped unnoticed.
 */
interface Service {
  readonly variable: string;
  readonly check: (address: string) => Promise<void>;
  /** Where the tests can start the server themselves, the variable may be missing. */
  readonly startable?: () => Promise<boolean>;
}

const SERVICES: Readonly<Record<string, Service>> = {
  kafka: {
    variable: 'TEST_KAFKA_BROKERS',
    check: (brokers) => withAdmin(brokers, async (admin) => void (await admin.describeCluster())),
  },
  postgres: {
    variable: 'TEST_POSTGRES_URL',
    check: async (url) => {
      const sql = connectPostgres({ url, maxConnections: 1 });
      try {
        await sql.query('select 1 as one');
      } finally {
        await sql.close();
      }
    },
  },
  redis: {
    variable: 'TEST_REDIS_URL',
    check: async (url) => {
      const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
      await redis.connect().finally(() => redis.disconnect());
    },
    startable: hasRedisServer,
  },
};

/** vitest's global set-up: runs once, before any test file; what it gives runs after the last. */
export async function setup(): Promise<() => Promise<void>> {
  await checkServices();
  return buildForTests();
}

/** Tests start processes from a build of this run's own: other runs in this folder make theirs. */
async function buildForTests(): Promise<() => Promise<void>> {
  const folder = `.test-build-${process.pid}`;
  await promisify(execFile)(process.execPath, ['scripts/build.mjs', join(ROOT, folder)], { cwd: ROOT });
  process.env['TEST_BUILD'] = folder;
  return () => rm(join(ROOT, folder), { recursive: true, force: true });
}

async function checkServices(): Promise<void> {
  const required = (process.env['REQUIRE_SERVICES'] ?? '').split(',').filter((name) => name !== '');
  for (const name of required) {
    if (SERVICES[name] === undefined) throw new Error(`REQUIRE_SERVICES names ${name}, which no test knows`);
  }
  for (const [name, { variable, check, startable }] of Object.entries(SERVICES)) {
    const address = process.env[variable];
    if (address === undefined) {
      if (required.includes(name) && !(await startable?.()))
        throw new Error(`REQUIRE_SERVICES names ${name}, but ${variable} is not set`);
      continue;
    }
    await check(address).catch((error: unknown) => {
      throw new Error(`${variable} names a server that does not answer: ${String(error)}`);
    });
  }
}
