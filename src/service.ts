import { v4 as uuidV4, v7 as uuidV7 } from 'uuid';
import type { Config } from './config.ts';
import { type DecodeLimits, decodeRecord } from './events/index.ts';
import { createHealth } from './health.ts';
import { type ApiDeps, createApi } from './http/api.ts';
import { API_LIMITS } from './http/limits.ts';
import { type HttpServer, serve } from './http/server.ts';
import type { Logger } from './observability/logger.ts';
import { createObservation, type Observation } from './observability/observation.ts';
import { cleanErrorText } from './observability/redact.ts';
import type { MirrorSource } from './order-store.ts';
import type { AttemptParts } from './pipeline/attempt.ts';
import type { BatchLimits } from './pipeline/cut-batch.ts';
import { type Pipeline, startPipeline } from './pipeline/pipeline.ts';
import { createRedrive } from './pipeline/redrive.ts';
import { type Relay, startRelay } from './pipeline/relay.ts';
import { createWakeup } from './pipeline/wakeup.ts';
import { sampleEvents } from './producer/samples.ts';
import { reachWithin } from './reach.ts';
import { VERSION } from './version.ts';
import { type Adapters, openAdapters } from './wire.ts';

/** The running service. */
export interface Service {
  /** Which adapters it uses, in words. */
  readonly uses: { readonly eventLog: string; readonly orderStore: string; readonly deadLetterMirror: string };
  readonly port: number;
  /** Rejects when a part never will work again; resolves after `stop`. */
  readonly ended: Promise<void>;
  /** Finishes batches and requests under way, commits, and closes in reverse. Called twice it is the same promise. */
  stop(): Promise<void>;
}

/** Opens the adapters, listens, and consumes, in this order: a port in use is found before a record is touched. */
export async function startService(config: Config, logger: Logger): Promise<Service> {
  const observation = createObservation(config, logger, VERSION);
  const adapters = await openAdapters(config, {
    now: Date.now,
    reach: reachWithin({
      timeoutMs: config.startTimeoutMs,
      now: Date.now,
      sleep,
      waiting: (line) => logger.warn(line),
    }),
    idleError: (error) => logger.warn(error, 'a database connection was lost while idle'),
    kafkaLine: (level, text, fields) => logger[level](fields, text),
  });
  let server: HttpServer | null = null;
  let pipeline: Pipeline | null = null;
  let relay: Relay | null = null;
  try {
    const { store, log } = observation.observed(adapters);
    // A login that may not do what the service does is found out before anything listens.
    await store.sink.openLog(await log.source(), log.topic);
    const attempts = attemptParts(config, observation, store.sink);
    const redrive = createRedrive({
      ...attempts,
      deadLetters: store.deadLetters,
      lettersWaiting: () => pipeline?.lettersWaiting(),
    });
    const state = { adapters, pipeline: () => pipeline, relay: () => relay, startedAt: Date.now() };
    server = await serve(
      createApi({ ...apiParts(config, logger, observation, state), store, log, redrive }),
      config.http,
    );
    pipeline = await startPipeline({
      ...attempts,
      eventLog: log,
      startFrom: config.consumer.startFrom,
      parkMaxAgeMs: config.consumer.parkMaxAgeMs,
      ledgerRetentionMs: config.consumer.ledgerRetentionMs,
    });
    relay = mirrorRelay(adapters.mirror, store.mirror, observation);
    return running(config, adapters, { server, pipeline, relay });
  } catch (error) {
    await server?.stop({ deadlineMs: 0 });
    await adapters.close();
    throw error;
  }
}

interface Parts {
  readonly server: HttpServer;
  readonly pipeline: Pipeline;
  readonly relay: Relay | null;
}

function running(config: Config, adapters: Adapters, { server, pipeline, relay }: Parts): Service {
  let stopped: Promise<void> | null = null;
  async function stop(): Promise<void> {
    await Promise.all([pipeline.stop(), relay?.stop()]);
    await server.stop({ deadlineMs: config.shutdownDeadlineMs / 2 });
    await adapters.close();
  }
  return {
    uses: describeAdapters(config, adapters),
    port: server.port,
    ended: pipeline.ended,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

function mirrorRelay(mirror: Adapters['mirror'], source: MirrorSource, { emit }: Observation): Relay | null {
  if (mirror === null) return null;
  return startRelay({
    source,
    mirror,
    relay: uuidV4(),
    newEpoch: () => uuidV4(),
    now: Date.now,
    random: Math.random,
    emit,
    wakeup: createWakeup(),
  });
}

/** What trying a record or a letter takes, the same for the log, the retry worker and redrive. */
function attemptParts(
  { consumer }: Config,
  { emit }: Observation,
  sink: AttemptParts['sink'],
): Omit<AttemptParts, 'lettersWaiting'> & { limits: BatchLimits } {
  const limits = decodeLimits(consumer);
  return {
    sink,
    decode: (record) => decodeRecord(record, limits, Date.now()),
    limits: { maxRecords: consumer.batchMaxRecords, maxBytes: consumer.batchMaxBytes },
    now: Date.now,
    random: Math.random,
    sleep,
    emit,
  };
}

function apiParts(
  { http, consumer }: Config,
  logger: Logger,
  observation: Observation,
  state: { adapters: Adapters; pipeline: () => Pipeline | null; relay: () => Relay | null; startedAt: number },
): Omit<ApiDeps, 'store' | 'log' | 'redrive'> {
  const { adapters, pipeline, relay, startedAt } = state;
  return {
    tokens: { admin: http.adminToken, read: http.readToken },
    loopbackOnly: http.loopbackOnly,
    limits: API_LIMITS,
    eventLimits: decodeLimits(consumer),
    now: Date.now,
    newEventId: () => uuidV7(),
    sampleEvents,
    version: VERSION,
    metrics: observation.metricsText,
    letterDiscarded: (id) => observation.emit({ kind: 'letter-discarded', id }),
    failed: ({ error, ...request }) => logger.error({ ...request, err: error }, 'request failed'),
    health: createHealth({
      log: { kind: adapters.log.kind, reach: observation.logReach.now },
      store: { kind: adapters.store.kind, reach: observation.storeReach.now, latency: observation.storeLatency },
      mirror: adapters.mirror === null ? null : { kind: adapters.mirror.kind, relay },
      pipeline,
      startedAt,
    }),
    readiness: () => {
      const reasons = pipeline()?.problems() ?? ['the service is starting'];
      return { ready: reasons.length === 0, reasons: reasons.map(cleanErrorText) };
    },
  };
}

function decodeLimits({ maxEventBytes, maxClockAheadMs, unknownTypes }: Config['consumer']): DecodeLimits {
  return { maxEventBytes, maxClockAheadMs, unknownTypes };
}

function describeAdapters(config: Config, { store, log, mirror }: Adapters): Service['uses'] {
  const embedded = `embedded (${config.dataDir})`;
  return {
    eventLog: `${log.kind === 'embedded' ? embedded : log.kind}, topic ${log.topic}`,
    orderStore: store.kind === 'embedded' ? embedded : store.kind,
    deadLetterMirror:
      mirror === null ? 'none: dead letters are in the order store' : `${mirror.kind}, keys ${config.mirror?.prefix}:*`,
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
