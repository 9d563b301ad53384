import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connectPostgres } from '../src/order-store/postgres/connection.ts';
import { migrate } from '../src/order-store/postgres/migrate.ts';
import { encoded, generate } from '../test/support/generator.ts';
import type { DrainResult } from './drain-once.ts';
import { MIX } from './mix.ts';
import { applyOneByOne } from './one-by-one.ts';

const HELP = `How fast the pipeline drains a full log, and what memory that takes.

Usage: npm run bench [-- --quick]

  --quick   small runs that only prove that the benchmark works; nothing is judged

Set TEST_POSTGRES_URL to measure PostgreSQL too (an administrator of a server; databases are made and dropped).`;

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, help: { type: 'boolean' } } });
if (values.help === true) {
  console.log(HELP);
  process.exit(0);
}

const quick = values.quick === true;
const server = process.env['TEST_POSTGRES_URL'] ?? null;
const judged: Array<{ what: string; found: number; atLeast?: number; atMost?: number }> = [];

console.log(`Node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}`);
const [small, large] = quick ? [5_000, 10_000] : [100_000, 1_000_000];
await embeddedRuns();
if (server !== null) await postgresRuns(server);
else console.log('PostgreSQL: not measured, TEST_POSTGRES_URL is not set');
process.exitCode = judge() ? 0 : 1;

async function embeddedRuns(): Promise<void> {
  const first = await drain('embedded', { events: small, postgres: null });
  judged.push({ what: 'embedded, events/s', found: first.perSecond, atLeast: 10_000 });
}

async function postgresRuns(url: string): Promise<void> {
  const loop = await withDatabase(url, (database) => oneByOne(database, quick ? 500 : 5_000));
  const first = await withDatabase(url, (postgres) => drain('PostgreSQL', { events: small, postgres }));
  const second = await withDatabase(url, (postgres) => drain('PostgreSQL', { events: large, postgres }));
  judged.push({ what: 'PostgreSQL against one by one', found: first.perSecond / loop, atLeast: 20 });
  judged.push({ what: `peak memory at ${large} against ${small}`, found: second.peakMb / first.peakMb, atMost: 1.2 });
}

async function drain(name: string, run: { events: number; postgres: string | null }): Promise<DrainResult> {
  const child = fileURLToPath(new URL('./drain-once.ts', import.meta.url));
  const result = JSON.parse(await output(['--import', 'tsx', child, JSON.stringify(run)])) as DrainResult;
  const { events, ms, perSecond, peakMb, outcomes } = result;
  console.log(`${name}: ${events} events in ${ms} ms, ${perSecond}/s, peak ${peakMb} MB, ${JSON.stringify(outcomes)}`);
  return result;
}

async function oneByOne(url: string, count: number): Promise<number> {
  const sql = connectPostgres({ url, maxConnections: 1 });
  await migrate(sql);
  await sql.close();
  const records = [...generate({ seed: 1, count, users: count / 10, mix: MIX })].map(encoded);
  const { events, ms } = await applyOneByOne(
    url,
    records.map((record) => ({ ...record, headers: [] })),
  );
  const perSecond = Math.round((events / ms) * 1000);
  console.log(`one transaction per event: ${events} events in ${Math.round(ms)} ms, ${perSecond}/s`);
  return perSecond;
}

async function withDatabase<T>(url: string, work: (database: string) => Promise<T>): Promise<T> {
  const name = `bench_${randomUUID().replaceAll('-', '')}`;
  const admin = connectPostgres({ url, maxConnections: 1 });
  await admin.script(`create database ${name}`);
  try {
    return await work(Object.assign(new URL(url), { pathname: `/${name}` }).href);
  } finally {
    await admin.script(`drop database ${name} with (force)`);
    await admin.close();
  }
}

function output(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`a run ended with code ${code}`))));
  });
}

function judge(): boolean {
  if (quick) return true;
  const kept = judged.map(({ what, found, atLeast, atMost }) => {
    const ok = found >= (atLeast ?? 0) && found <= (atMost ?? Number.POSITIVE_INFINITY);
    const wanted = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    console.log(`${ok ? 'kept  ' : 'MISSED'}  ${what}: ${Number(found.toFixed(2))}, ${wanted}`);
    return ok;
  });
  return kept.every(Boolean);
}
