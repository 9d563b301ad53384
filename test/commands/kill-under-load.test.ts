import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openEmbeddedDatabase } from '../../src/embedded-database.ts';
import { classifyPostgresError } from '../../src/order-store/postgres/errors.ts';
import type { SqlConnection } from '../../src/sql-connection.ts';
import { postgresProbe } from '../order-store/postgres-probe.ts';
import { checkDump } from '../support/check-dump.ts';
import type { Dump } from '../support/dump.ts';
import { temporaryDatabaseDir } from '../support/embedded.ts';
import { type Arrival, arrivalOf, type EventJson } from '../support/model-event.ts';
import { eventually } from '../support/pipeline-driver.ts';
import { happens, pick, type Random, randomFrom } from '../support/random.ts';
import { adjustment, order, user } from '../support/records.ts';
import { startCommand, startService } from '../support/service-process.ts';
import { get, post, quantityOf } from './requests.ts';

const ROUNDS = 10;
const USERS = 20;
const SKUS = 5;
/** Half of the clients send many events at once, half of them one by one. */
const CLIENTS = [50, 50, 1, 1];

/** What the clients did, by event id. */
interface Traffic {
  readonly sent: Map<string, EventJson>;
  readonly answered: Set<string>;
  readonly random: Random;
}

test(`kill -9 under load, ${ROUNDS} times: what was acknowledged counts once, what was not at most once`, {
  timeout: 180_000,
}, async () => {
  const seed = Date.now();
  const { dataDir, cleanup } = await temporaryDatabaseDir();
  const env = { DATA_DIR: dataDir };
  const traffic: Traffic = { sent: new Map(), answered: new Set(), random: randomFrom(seed) };

  for (let round = 0; round < ROUNDS; round += 1) {
    if (round % 4 === 3) await killWhileStarting(env, traffic.random);
    const service = await startService({ env });
    if (round === 0) await send(service.url, everyUser(), traffic);
    const clients = CLIENTS.map((size) => sendUntilCut(service.url, size, traffic));
    await setTimeout(100 + pick(traffic.random, 700));
    await service.kill9();
    await Promise.all(clients);
  }

  await endLeases(dataDir);
  const service = await startService({ env });
  const unanswered = [...traffic.sent.values()].filter(({ eventId }) => !traffic.answered.has(eventId));
  expect(unanswered.length, 'the kills met no request under way').toBeGreaterThan(0);
  // A client that got no answer sends the same again; half of them do not.
  for (const event of unanswered.filter((_, n) => n % 2 === 0)) await send(service.url, [event], traffic);
  await untilRead(service.url, traffic);
  await untilNoneIsParked(service.url);
  const statuses = await Promise.all([...traffic.answered].slice(-200).map((id) => get(`${service.url}/events/${id}`)));
  expect(new Set(statuses.map(({ status }) => status))).toEqual(new Set([200]));
  const shown = await Promise.all(skus().map((sku) => quantityOf(service.url, sku)));
  service.signal('SIGTERM');
  expect(await service.exited).toEqual({ code: 0, signal: null });

  const { dump, arrivals } = await readDataDir(dataDir);
  expect(checkDump(arrivals, dump), `seed ${seed}`).toEqual([]);
  const counted = new Set(dump.ledger.map(({ eventId }) => eventId));
  expect([...traffic.answered].filter((id) => !counted.has(id))).toEqual([]);
  expect([...counted].filter((id) => !traffic.sent.has(id))).toEqual([]);
  expect(shown).toEqual(skus().map((sku) => sumOfDeltas(sku, counted, traffic)));
  await cleanup();
});

const skus = (): string[] => Array.from({ length: SKUS }, (_, n) => `sku${n}`);
const everyUser = (): EventJson[] => Array.from({ length: USERS }, (_, n) => user(`u${n}`));

/** Any moment from the first module that is loaded to some time after it listens. */
async function killWhileStarting(env: Readonly<Record<string, string>>, random: Random): Promise<void> {
  const starting = startCommand('consumer', [], { env: { HTTP_PORT: '0', ...env } });
  await setTimeout(pick(random, 2_000));
  await starting.kill9();
}

function nextEvent({ random, sent }: Traffic): EventJson {
  const n = sent.size;
  if (happens(random, 0.6)) return adjustment(`sku${pick(random, SKUS)}`, 1 + pick(random, 9));
  if (happens(random, 0.3)) return user(`u${pick(random, USERS)}`, { at: pick(random, 1_000), name: `Ada ${n}` });
  // Now and then a newer version, or one that comes too late.
  return order(`o${pick(random, n + 1)}`, `u${pick(random, USERS)}`, { at: pick(random, 1_000) });
}

async function send(url: string, events: readonly EventJson[], { sent, answered }: Traffic): Promise<void> {
  for (const event of events) sent.set(event.eventId, event);
  for (const id of await post(url, events)) answered.add(id);
}

async function sendUntilCut(url: string, size: number, traffic: Traffic): Promise<void> {
  for (;;) {
    try {
      await send(
        url,
        Array.from({ length: size }, () => nextEvent(traffic)),
        traffic,
      );
    } catch (error) {
      // fetch's error for a connection that is refused or cut; any other answer than 202 is another one.
      if (error instanceof TypeError) return;
      throw error;
    }
  }
}

/** Letters that a killed process had claimed are tried again when their lease of a minute is over. */
async function endLeases(dataDir: string): Promise<void> {
  const sql = await openDataDir(dataDir);
  await postgresProbe(sql).makeParkedDue();
  await sql.close();
}

/** Partitions are read in order: once the last event of each is read, so are those of unknown fate before it. */
async function untilRead(url: string, traffic: Traffic): Promise<void> {
  const last = Array.from({ length: 60 }, (_, n) => adjustment(`last${n}`, 1));
  await send(url, last, traffic);
  for (const { eventId } of last) {
    await eventually(`${eventId} is read`, async () => (await get(`${url}/events/${eventId}`)).status === 200);
  }
}

/** Every parent is there in the end, so every letter of the race between users and orders closes. */
async function untilNoneIsParked(url: string): Promise<void> {
  const parked = () => get<{ items: unknown[] }>(`${url}/dead-letters?state=parked`);
  await eventually('no letter is parked', async () => (await parked()).body.items.length === 0);
}

/** What the service left behind: the tables, and every record of the log. */
async function readDataDir(dataDir: string): Promise<{ dump: Dump; arrivals: Arrival[] }> {
  const sql = await openDataDir(dataDir);
  const dump = await postgresProbe(sql).dump();
  const arrivals = (await logRecords(sql)).map(({ value, letterId }) => arrivalOf({ value }, letterId));
  await sql.close();
  return { dump, arrivals };
}

function openDataDir(dataDir: string): Promise<SqlConnection> {
  return openEmbeddedDatabase({ dataDir, classify: classifyPostgresError });
}

function logRecords(sql: SqlConnection): Promise<Array<{ value: string; letterId: string }>> {
  return sql.query(`select convert_from(value, 'UTF8') as value,
    topic || ':' || partition || ':' || "offset" as "letterId" from log.records order by partition, "offset"`);
}

function sumOfDeltas(sku: string, counted: ReadonlySet<string>, { sent }: Traffic): number {
  const events = [...counted].map((id) => sent.get(id)?.payload ?? {});
  return events.reduce((sum, payload) => (payload['sku'] === sku ? sum + Number(payload['delta']) : sum), 0);
}
