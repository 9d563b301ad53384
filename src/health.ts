import type { HealthReport, PartHealth } from './http/health.ts';
import type { LatencyWindow } from './observability/latency-window.ts';
import type { Reach } from './observability/reachability.ts';
import { cleanErrorText } from './observability/redact.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import type { Relay } from './pipeline/relay.ts';

export interface HealthParts {
  readonly log: { readonly kind: string; readonly reach: () => Reach };
  readonly store: { readonly kind: string; readonly reach: () => Reach; readonly latency: LatencyWindow };
  /** Null where none is configured; its relay is null until it has started. */
  readonly mirror: { readonly kind: string; readonly relay: () => Relay | null } | null;
  /** Null until it has started. */
  readonly pipeline: () => Pipeline | null;
  readonly startedAt: number;
}

/**
 * How each part is. An outage of a server is `degraded`: the service waits and a restart would not help. `down` is what
 * only a restart mends; the process ends by itself then, so it is seen for a moment at most. The route is open to all:
 * texts of errors lose what may be secret or personal.
 */
export function createHealth(parts: HealthParts): () => HealthReport {
  return () => {
    const pipeline = parts.pipeline();
    const { p50, p95, p99 } = parts.store.latency.percentiles();
    const report = {
      eventLog: reached(parts.log.kind, parts.log.reach()),
      orderStore: reached(parts.store.kind, parts.store.reach(), { p50, p95, p99 }),
      deadLetterMirror: mirrorHealth(parts.mirror, parts.startedAt),
      consumer: consumerHealth(pipeline, parts.startedAt),
      retryWorker: retryHealth(pipeline, parts.startedAt),
    };
    return { status: worst(Object.values(report)), parts: report };
  };
}

function reached(kind: string, reach: Reach, detail: PartHealth['detail'] = {}): PartHealth {
  const problem = reach.detail === null ? {} : { problem: cleanErrorText(reach.detail) };
  return {
    status: reach.reachable ? 'up' : 'degraded',
    since: iso(reach.since),
    detail: { kind, ...detail, ...problem },
  };
}

/** Nothing waits for the mirror: the worst it can be is degraded. */
function mirrorHealth(mirror: HealthParts['mirror'], startedAt: number): PartHealth {
  if (mirror === null) return { status: 'off', since: iso(startedAt), detail: {} };
  const { role, complete, failure } = mirror.relay()?.status() ?? { role: 'starting', complete: false, failure: null };
  const problem = failure === null ? {} : { problem: cleanErrorText(failure.detail) };
  return {
    status: failure === null ? 'up' : 'degraded',
    since: iso(failure?.since ?? startedAt),
    detail: { kind: mirror.kind, role, complete, ...problem },
  };
}

function consumerHealth(pipeline: Pipeline | null, startedAt: number): PartHealth {
  if (pipeline === null) return { status: 'degraded', since: iso(startedAt), detail: { problem: 'starting' } };
  if (pipeline.failed()) return { status: 'down', since: iso(startedAt), detail: { problem: 'consuming has ended' } };
  const paused = pipeline
    .partitions()
    .flatMap(({ partition, pause }) => (pause === null ? [] : [{ partition, ...pause }]));
  const first = paused[0];
  if (first === undefined) return { status: 'up', since: iso(startedAt), detail: {} };
  const since = Math.min(...paused.map((pause) => pause.since));
  const partitions = paused.map(({ partition }) => partition).join(', ');
  return {
    status: 'degraded',
    since: iso(since),
    detail: { pausedPartitions: partitions, reason: first.reason, problem: cleanErrorText(first.detail) },
  };
}

function retryHealth(pipeline: Pipeline | null, startedAt: number): PartHealth {
  const failure = pipeline?.retryFailure() ?? null;
  if (failure === null) return { status: 'up', since: iso(startedAt), detail: {} };
  return { status: 'degraded', since: iso(failure.since), detail: { problem: cleanErrorText(failure.detail) } };
}

function worst(parts: readonly PartHealth[]): HealthReport['status'] {
  if (parts.some(({ status }) => status === 'down')) return 'down';
  return parts.some(({ status }) => status === 'degraded') ? 'degraded' : 'up';
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
