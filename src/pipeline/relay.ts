import { type DeadLetterMirror, isOpen, type MirrorLetter } from '../dead-letter-mirror.ts';
import { describeError, kindOf, PipelineError } from '../errors.ts';
import { isEventType } from '../events/index.ts';
import type { MirrorSource } from '../order-store.ts';
import { outageBackoff, type Random } from './backoff.ts';
import type { Emit, WaitingLetterFact } from './facts.ts';
import type { Wakeup } from './wakeup.ts';

export interface RelayParts {
  readonly source: MirrorSource;
  readonly mirror: DeadLetterMirror;
  /** Names this relay; no other one has the same. */
  readonly relay: string;
  /** Never the same text twice, in no process. */
  readonly newEpoch: () => string;
  readonly now: () => number;
  readonly random: Random;
  readonly emit: Emit;
  readonly wakeup: Wakeup;
}

export interface RelayStatus {
  /** `standby`: another relay sends. */
  readonly role: 'starting' | 'sending' | 'standby';
  /** Whether the mirror has everything and nothing else, as far as this relay knows. */
  readonly complete: boolean;
  readonly failure: { readonly detail: string; readonly since: number } | null;
}

/** Sends dead letters to the mirror, for ever; what fails is tried again and holds up nothing else. */
export interface Relay {
  readonly status: () => RelayStatus;
  /** Finishes the call under way and gives the lease back. Called twice it is the same promise. */
  stop(): Promise<void>;
}

/**
 * What is to be done in an epoch. Everything the mirror should have had before is sent again, then what changed
 * meanwhile, then what is too much is swept away; after that changes are followed and the mirror is checked.
 */
interface Epoch {
  readonly id: string;
  readonly startedAt: number;
  phase: 'resend' | 'catch-up' | 'sweep' | 'follow';
  /** Where the phase has come to; null is its beginning. */
  cursor: string | null;
  sent: number;
  removed: number;
}

const PAGE = { limit: 500, maxBytes: 4 * 1024 * 1024 };
/** One script answers a page; nothing but ids is sent. 1,000 a second are no load, and a lost list shows at once. */
const CHECKED_PAGE = { limit: 1000, maxBytes: Number.MAX_SAFE_INTEGER };
/** A backlog parks many letters whose parents are a few seconds away. */
const PARKED_FOR_MS = 60_000;
const LOOK_AGAIN_MS = 1000;
/** Longer than a call of the mirror may take; a crash of the relay costs this much. */
const LEASE_MS = 6000;
/** The mirror is to be complete 15 s after its server is back, so an outage is probed often; a probe costs little. */
const RETRY_MAX_MS = 2000;

export function startRelay(parts: RelayParts): Relay {
  let stopping = false;
  let failures = 0;
  let turn: number | null = null;
  let epoch: Epoch | null = null;
  let toldCode: string | null = null;
  let status: RelayStatus = { role: 'starting', complete: false, failure: null };

  /** Gives how long to wait before the next round, in ms. */
  async function round(): Promise<number> {
    const lease = await parts.source.holdLease({ relay: parts.relay, turn, forMs: LEASE_MS });
    turn = lease?.turn ?? null;
    if (lease === null) {
      epoch = null;
      status = { role: 'standby', complete: false, failure: null };
      return LOOK_AGAIN_MS;
    }
    if (!lease.kept) epoch = null;
    epoch ??= await beginEpoch(parts);
    const more = await step(parts, epoch, lease.turn);
    const complete = epoch.phase === 'follow';
    // While everything is being sent again the failure stands: it may well happen again.
    if (complete) failures = 0;
    status = { role: 'sending', complete, failure: complete ? null : status.failure };
    return more ? 0 : LOOK_AGAIN_MS;
  }

  /** After any failure nobody knows what the mirror has: the next epoch sends everything again. */
  async function failed(error: unknown): Promise<number> {
    failures += 1;
    epoch = null;
    const detail = describeError(error);
    // By code: the words of one outage change from probe to probe.
    const code = error instanceof PipelineError ? error.code : detail;
    if (status.failure === null || code !== toldCode) {
      parts.emit({ kind: 'mirror-failed', errorKind: kindOf(error), detail });
    }
    toldCode = code;
    status = { ...status, complete: false, failure: { detail, since: status.failure?.since ?? parts.now() } };
    await release();
    return Math.min(outageBackoff(failures, parts.random), RETRY_MAX_MS);
  }

  /** Another process may reach the mirror where this one does not. */
  async function release(): Promise<void> {
    turn = null;
    try {
      await parts.source.releaseLease(parts.relay);
    } catch {
      // The lease ends by itself; whatever is wrong with the store, the next round says so.
    }
  }

  async function run(): Promise<void> {
    while (!stopping) {
      const waitMs = await round().catch(failed);
      if (waitMs > 0 && !stopping) await parts.wakeup.wait(waitMs);
    }
    await release();
  }

  const ended = run();
  let stopped: Promise<void> | null = null;
  return {
    status: () => status,
    stop: () => {
      stopping = true;
      parts.wakeup.ring();
      stopped ??= ended;
      return stopped;
    },
  };
}

async function beginEpoch({ mirror, newEpoch, now }: RelayParts): Promise<Epoch> {
  const epoch: Epoch = { id: newEpoch(), startedAt: now(), phase: 'resend', cursor: null, sent: 0, removed: 0 };
  await mirror.begin(epoch.id);
  return epoch;
}

/** Does the next piece of work; gives whether there is more to do at once. */
async function step(parts: RelayParts, epoch: Epoch, turn: number): Promise<boolean> {
  switch (epoch.phase) {
    case 'resend':
      return resend(parts, epoch);
    case 'catch-up':
      if (!(await sendChanges(parts, epoch, turn))) enter(epoch, 'sweep');
      return true;
    case 'sweep':
      return sweep(parts, epoch);
    case 'follow':
      if (await sendChanges(parts, epoch, turn)) return true;
      await check(parts, epoch);
      return false;
  }
}

function enter(epoch: Epoch, phase: Epoch['phase']): void {
  epoch.phase = phase;
  epoch.cursor = null;
}

async function resend({ source, mirror }: RelayParts, epoch: Epoch): Promise<true> {
  const page = await source.mirrored({ ...PAGE, after: epoch.cursor });
  const ids = page.map(({ id }) => id);
  const last = ids.at(-1);
  if (last === undefined) {
    enter(epoch, 'catch-up');
    return true;
  }
  await mirror.send(epoch.id, await source.letters(ids));
  epoch.cursor = last;
  epoch.sent += ids.length;
  return true;
}

/** Gives whether more changes wait. */
async function sendChanges({ source, mirror, emit, relay, now }: RelayParts, epoch: Epoch, turn: number) {
  const { letters, more, newlyWaiting } = await source.claimChanges({
    ...PAGE,
    relay,
    turn,
    parkedForMs: PARKED_FOR_MS,
  });
  const waiting = letters.flatMap((letter) => (newlyWaiting.has(letter.id) ? waitingFact(letter, now()) : []));
  if (waiting.length > 0) emit({ kind: 'letters-waiting', letters: waiting });
  if (letters.length > 0) await mirror.send(epoch.id, letters);
  epoch.sent += letters.length;
  return more;
}

async function sweep({ mirror, emit, now }: RelayParts, epoch: Epoch): Promise<true> {
  const { removed, next } = await mirror.sweep(epoch.id, epoch.cursor);
  epoch.removed += removed;
  epoch.cursor = next;
  if (next !== null) return true;
  const { sent, startedAt } = epoch;
  emit({ kind: 'mirror-complete', sent, removed: epoch.removed, ms: now() - startedAt });
  enter(epoch, 'follow');
  return true;
}

/** Compares a page each time round: what somebody deleted from the mirror would be missing for ever. */
async function check({ source, mirror }: RelayParts, epoch: Epoch): Promise<void> {
  const page = await source.mirrored({ ...CHECKED_PAGE, after: epoch.cursor });
  const missing = await mirror.countMissing(epoch.id, page);
  if (missing > 0) {
    throw new PipelineError('outage', 'MIRROR_INCOMPLETE', `the mirror lacks letters that it was sent: ${missing}`);
  }
  epoch.cursor = page.length < CHECKED_PAGE.limit ? null : (page.at(-1)?.id ?? null);
}

/** One that was closed or died meanwhile waits no more. */
function waitingFact(letter: MirrorLetter, now: number): WaitingLetterFact[] {
  if (!isOpen(letter) || letter.state !== 'parked') return [];
  const { id, eventId, eventType, reason, firstFailedAt } = letter;
  const type = eventType !== null && isEventType(eventType) ? eventType : 'unknown';
  return [{ id, eventId, eventType: type, reason, waitedMs: now - Date.parse(firstFailedAt) }];
}
