import type { OpenLetter } from '../../src/batch.ts';
import type { DeadLetters, LetterDetails } from '../../src/dead-letters.ts';
import type { NewRecord } from '../../src/event-log.ts';
import { type ApiDeps, createApi } from '../../src/http/api.ts';
import type { HealthReport } from '../../src/http/health.ts';
import { API_LIMITS } from '../../src/http/limits.ts';
import type { ApiFailure } from '../../src/http/problem.ts';
import { sampleEvents } from '../../src/producer/samples.ts';
import type { EventStatus, OrderView, ProcessedEvent, Reads, UserView } from '../../src/reads.ts';

/** The ports of the API as plain objects that hold a little of everything, and remember what they were asked to do. */

export const NOW = Date.parse('2026-11-20T12:00:00.000Z');
export const PLACED_AT = '2026-11-20T10:15:30.123Z';
export const LETTER = 'order-events:3:1042';
export const CLOSED_LETTER = 'order-events:3:7@2';

export const orderSummary = (n: number) => ({
  orderId: `order-${n}`,
  currency: 'EUR',
  totalAmount: '19.90',
  placedAt: new Date(Date.parse(PLACED_AT) - n * 1000).toISOString(),
  paymentStatus: 'PAID' as const,
});
export const ORDERS = Array.from({ length: 7 }, (_, n) => orderSummary(n));

const user: UserView = {
  userId: 'user-1',
  email: 'ann@example.com',
  name: 'Ann',
  createdAt: PLACED_AT,
  recentOrders: ORDERS.slice(0, 5),
};

const order: OrderView = {
  ...orderSummary(1),
  userId: 'user-1',
  items: [{ sku: 'sku-1', quantity: 2, unitPrice: '9.95' }],
  payments: [{ paymentId: 'pay-1', amount: '19.90', currency: 'EUR', method: 'card', settledAt: PLACED_AT }],
  amountPaid: '19.90',
};

const processed = (n: number): ProcessedEvent => ({
  eventId: `event-${n}`,
  eventType: 'OrderPlaced',
  entityId: `order-${n}`,
  outcome: 'applied',
  occurredAt: PLACED_AT,
  processedAt: new Date(NOW - n).toISOString(),
  topic: 'order-events',
  partition: 3,
  offset: '9007199254740993',
});

export const letter: LetterDetails = {
  id: LETTER,
  state: 'dead',
  reason: 'INVALID_JSON',
  error: 'the record must be JSON',
  path: null,
  eventId: null,
  eventType: null,
  entityId: null,
  waitingFor: null,
  topic: 'order-events',
  partition: 3,
  offset: '1042',
  attempts: 1,
  revision: 4,
  firstFailedAt: PLACED_AT,
  lastFailedAt: PLACED_AT,
  nextAttemptAt: null,
  key: Buffer.from('order-1'),
  value: Buffer.from([0xff, 0x00, 0xfe]),
  truncated: false,
  editedKey: null,
  editedValue: null,
  headers: [
    ['traceparent', Buffer.from('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')],
    ['traceparent', Buffer.from([0x80])],
  ],
  recordTimestamp: PLACED_AT,
  actions: [
    {
      at: PLACED_AT,
      actor: 'ann',
      action: 'edit',
      outcome: 'dead',
      note: null,
      editedValue: Buffer.from('{'),
      editedKey: null,
    },
  ],
};

const eventStatus: EventStatus = {
  eventId: 'event-1',
  eventType: null,
  status: 'dead',
  topic: 'order-events',
  partition: 3,
  offset: '1042',
  occurredAt: null,
  processedAt: null,
  reason: 'INVALID_JSON',
  deadLetters: [summaryOf(letter)],
};

function summaryOf(details: LetterDetails) {
  const { key, value, truncated, editedKey, editedValue, headers, recordTimestamp, actions, ...summary } = details;
  return summary;
}

const reads: Reads = {
  user: async (id) => (id === user.userId ? user : null),
  ordersOfUser: async (id, { limit, after }) => {
    if (id !== user.userId) return null;
    const start = after === null ? 0 : ORDERS.findIndex(({ orderId }) => orderId === after.id) + 1;
    return ORDERS.slice(start, start + limit);
  },
  order: async (id) => (id === order.orderId ? order : null),
  inventory: async (sku) => (sku === 'sku-1' ? { sku, quantity: '9007199254740993', lastAdjustedAt: PLACED_AT } : null),
  event: async (id) => (id === eventStatus.eventId ? eventStatus : null),
  processedEvents: async (_filter, { limit }) => Array.from({ length: Math.min(3, limit) }, (_, n) => processed(n)),
};

const deadLetters: Omit<DeadLetters, 'list' | 'discard' | 'quarantine'> = {
  get: async (id) => {
    if (id === LETTER) return letter;
    return id === CLOSED_LETTER ? { ...letter, id, state: 'resolved' } : null;
  },
  stats: async () => [
    {
      state: 'dead',
      reason: 'INVALID_JSON',
      count: 2,
      oldestFirstFailedAt: PLACED_AT,
      ages: { underOneHour: 0, underOneDay: 1, underOneWeek: 0, older: 1 },
    },
  ],
  open: async (): Promise<OpenLetter | null> => null,
  select: async () => [],
};

const part = { status: 'up' as const, since: PLACED_AT, detail: { p50: 1.5, note: null } };
export const healthy: HealthReport = {
  status: 'up',
  parts: { eventLog: part, orderStore: part, deadLetterMirror: part, consumer: part, retryWorker: part },
};

/** Everything the ports were asked to do, in order. */
export interface Asked {
  readonly appended: NewRecord[];
  readonly calls: unknown[][];
  readonly failures: ApiFailure[];
}

export type Changes = Partial<Omit<ApiDeps, 'store'>> & {
  readonly reads?: Partial<Reads>;
  readonly deadLetters?: Partial<DeadLetters>;
};

export const TOKENS = { admin: 'admin-secret', read: 'read-secret' };

/** The API over these ports, as a loopback service without tokens unless something else is said. */
export function testApi({ reads: otherReads, deadLetters: otherLetters, ...changes }: Changes = {}) {
  const asked: Asked = { appended: [], calls: [], failures: [] };
  const note = (...call: unknown[]) => void asked.calls.push(call);
  let ids = 0;
  const deps: ApiDeps = {
    store: {
      reads: { ...reads, ...otherReads },
      deadLetters: {
        ...deadLetters,
        list: async (...call) => {
          note('list', ...call);
          return [summaryOf(letter), summaryOf({ ...letter, id: CLOSED_LETTER })].slice(0, call[1].limit);
        },
        discard: async (...call) => {
          note('discard', ...call);
          return call[0] === LETTER && (call[1] === null || call[1] === letter.revision);
        },
        quarantine: async (...call) => {
          note('quarantine', ...call);
          return call[0].topic === 'order-events';
        },
        ...otherLetters,
      },
    },
    log: {
      append: async (records) => {
        const first = asked.appended.length;
        asked.appended.push(...records);
        return records.map((_, i) => ({ topic: 'order-events', partition: 0, offset: BigInt(first + i) }));
      },
    },
    redrive: {
      redriveOne: async (...call) => {
        note('redriveOne', ...call);
        const report = { id: call[0], reason: null, message: null };
        if (call[0] === CLOSED_LETTER) {
          return { found: true, report: { ...report, outcome: 'changed', message: 'the letter is resolved' } };
        }
        return call[0] === LETTER ? { found: true, report: { ...report, outcome: 'applied' } } : { found: false };
      },
      redriveMany: async (...call) => {
        note('redriveMany', ...call);
        const report = { id: LETTER, outcome: 'applied' as const, reason: null, message: null };
        return { reports: [report], histogram: { applied: 1 }, next: { lastFailedAt: PLACED_AT, id: LETTER } };
      },
    },
    health: () => healthy,
    readiness: () => ({ ready: true, reasons: [] }),
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'up 1\n' }),
    limits: API_LIMITS,
    eventLimits: { maxEventBytes: 256 * 1024, maxClockAheadMs: 3_600_000, unknownTypes: 'dead' },
    tokens: { admin: null, read: null },
    loopbackOnly: true,
    now: () => NOW,
    newEventId: () => `0198f6d2-7c1e-7d5e-9a52-${String(++ids).padStart(12, '0')}`,
    sampleEvents,
    version: '1.2.3',
    letterDiscarded: (id) => note('letterDiscarded', id),
    failed: (failure) => void asked.failures.push(failure),
    ...changes,
  };
  return { api: createApi(deps), asked };
}

/** A request as a program on this machine sends it: the Host header of the socket it used. */
export function local(init: RequestInit & { json?: unknown } = {}): RequestInit {
  const { json, ...rest } = init;
  const headers = new Headers(rest.headers);
  if (!headers.has('host')) headers.set('host', 'localhost:8080');
  if (json !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
  return { ...rest, headers, ...(json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }) };
}
