import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ClosedMirrorLetter, DeadLetterMirror, OpenMirrorLetter } from '../../src/dead-letter-mirror.ts';
import { eventually } from '../support/pipeline-driver.ts';
import type { MirrorView } from '../support/redis-view.ts';

export interface OpenedMirror {
  /** A new connection to the same mirror. */
  readonly connect: () => DeadLetterMirror;
  readonly view: () => Promise<MirrorView>;
  readonly empty: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface MirrorFactory {
  readonly name: string;
  readonly open: () => Promise<OpenedMirror>;
}

const FAILED_AT = '2026-11-20T10:15:30.123Z';

export function openLetter(id: string, change: Partial<OpenMirrorLetter> = {}): OpenMirrorLetter {
  return {
    id,
    revision: 1,
    state: 'dead',
    reason: 'INVALID_PAYLOAD',
    error: 'payload.email is missing',
    eventId: `event-of-${id}`,
    eventType: 'UserCreated',
    entityId: 'u1',
    topic: 'order-events',
    partition: 3,
    offset: '42',
    key: Buffer.from('u1'),
    payload: Buffer.from('{"a":"\u00e9"}'),
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    firstFailedAt: '2026-11-20T10:15:00.000Z',
    lastFailedAt: FAILED_AT,
    attempts: 3,
    ...change,
  };
}

function closedLetter(id: string, revision: number): ClosedMirrorLetter {
  return { id, revision, state: 'resolved' };
}

/** What every mirror promises, whichever server keeps it. */
export function deadLetterMirrorContract(factory: MirrorFactory): void {
  describe(`dead-letter mirror: ${factory.name}`, () => {
    let opened: OpenedMirror;
    let mirror: DeadLetterMirror;
    let epochs = 0;
    const begin = async (of: DeadLetterMirror = mirror): Promise<string> => {
      epochs += 1;
      const epoch = `epoch-${epochs}`;
      await eventually('connected', () =>
        of.begin(epoch).then(
          () => true,
          () => false,
        ),
      );
      return epoch;
    };
    beforeAll(async () => {
      opened = await factory.open();
      mirror = opened.connect();
    });
    beforeEach(() => opened.empty());
    afterAll(async () => {
      await mirror.close();
      await opened.close();
    });
    const sweepAll = async (epoch: string): Promise<number> => {
      let total = 0;
      for (let cursor: string | null = null; ; ) {
        const { removed, next } = await mirror.sweep(epoch, cursor);
        total += removed;
        if (next === null) return total;
        cursor = next;
      }
    };

    test('an open letter can be read with all that is known of it', async () => {
      const epoch = await begin();
      await mirror.send(epoch, [openLetter('order-events:3:42')]);
      const { entries, dead, parked } = await opened.view();
      expect([dead, parked]).toEqual([['order-events:3:42'], []]);
      expect(entries).toEqual({
        'order-events:3:42': {
          id: 'order-events:3:42',
          state: 'dead',
          reason: 'INVALID_PAYLOAD',
          error: 'payload.email is missing',
          eventId: 'event-of-order-events:3:42',
          eventType: 'UserCreated',
          entityId: 'u1',
          payload: '{"a":"\u00e9"}',
          payloadEncoding: 'utf8',
          topic: 'order-events',
          partition: '3',
          offset: '42',
          key: 'u1',
          failedAt: FAILED_AT,
          firstFailedAt: '2026-11-20T10:15:00.000Z',
          retryCount: '2',
          traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
          revision: '1',
          epoch,
        },
      });
    });

    test('bytes that are no text are base64, and what a letter lacks is not there', async () => {
      const epoch = await begin();
      const bytes = Uint8Array.from([0xff, 0, 1]);
      const unknown = { eventId: null, eventType: null, entityId: null, traceparent: null };
      await mirror.send(epoch, [openLetter('a', { payload: bytes, key: bytes, ...unknown })]);
      await mirror.send(epoch, [openLetter('b', { payload: null, key: null, ...unknown })]);
      const { entries } = await opened.view();
      expect(entries['a']).toMatchObject({ payload: '/wAB', payloadEncoding: 'base64', key: '/wAB' });
      expect(entries['a']?.['keyEncoding']).toBe('base64');
      expect(Object.keys(entries['b'] ?? {})).toEqual(
        expect.not.arrayContaining(['payload', 'payloadEncoding', 'key', 'eventId', 'traceparent']),
      );
    });

    test('lists are in the order of the last failure', async () => {
      const epoch = await begin();
      const at = (minute: number) => `2026-11-20T10:0${minute}:00.000Z`;
      await mirror.send(epoch, [
        openLetter('c', { lastFailedAt: at(2) }),
        openLetter('a', { lastFailedAt: at(3) }),
        openLetter('b', { lastFailedAt: at(1) }),
      ]);
      expect((await opened.view()).dead).toEqual(['b', 'c', 'a']);
    });

    test('a letter that changes its state changes its list, and loses what it no longer has', async () => {
      const epoch = await begin();
      await mirror.send(epoch, [openLetter('a', { state: 'parked' })]);
      expect(await opened.view()).toMatchObject({ parked: ['a'], dead: [] });
      await mirror.send(epoch, [openLetter('a', { revision: 2, key: null })]);
      const view = await opened.view();
      expect(view).toMatchObject({ parked: [], dead: ['a'] });
      expect(view.entries['a']).not.toHaveProperty('key');
    });

    test('within an epoch an older revision changes nothing', async () => {
      const epoch = await begin();
      await mirror.send(epoch, [openLetter('a', { revision: 5 })]);
      const before = await opened.view();
      await mirror.send(epoch, [openLetter('a', { revision: 4, state: 'parked', error: 'older' })]);
      await mirror.send(epoch, [closedLetter('a', 3)]);
      expect(await opened.view()).toEqual(before);
      await mirror.send(epoch, [closedLetter('a', 6)]);
      await mirror.send(epoch, [openLetter('a', { revision: 5 })]);
      expect(await opened.view()).toMatchObject({ dead: [], entries: {} });
    });

    test('in a new epoch an older revision counts: a restored database decides', async () => {
      await mirror.send(await begin(), [openLetter('a', { revision: 5 }), openLetter('b', { revision: 5 })]);
      const epoch = await begin();
      await mirror.send(epoch, [openLetter('a', { revision: 2, error: 'restored' }), closedLetter('b', 2)]);
      const view = await opened.view();
      expect(view.entries['a']).toMatchObject({ revision: '2', error: 'restored' });
      expect(view.dead).toEqual(['a']);
    });

    test('what is left of a closed letter expires within a day and has no payload', async () => {
      const epoch = await begin();
      await mirror.send(epoch, [openLetter('a')]);
      await mirror.send(epoch, [closedLetter('a', 2), closedLetter('never-sent', 2)]);
      const view = await opened.view();
      expect(view).toMatchObject({ dead: [], parked: [], entries: {} });
      expect(Object.keys(view.closed)).toEqual(['a']);
      expect(view.closed['a']).toMatchObject({ state: 'resolved', revision: '2', reason: 'INVALID_PAYLOAD' });
      for (const field of ['payload', 'payloadEncoding', 'key', 'error', 'traceparent']) {
        expect(view.closed['a']).not.toHaveProperty(field);
      }
    });

    test('a letter opened again by a restored database does not expire', async () => {
      const first = await begin();
      await mirror.send(first, [openLetter('a')]);
      await mirror.send(first, [closedLetter('a', 2)]);
      await mirror.send(await begin(), [openLetter('a')]);
      expect(await opened.view()).toMatchObject({ dead: ['a'], entries: { a: { revision: '1' } }, closed: {} });
    });

    test('calls of an epoch that is over are refused and change nothing', async () => {
      const old = await begin();
      const other = opened.connect();
      const epoch = await begin(other);
      await other.send(epoch, [openLetter('a')]);
      const before = await opened.view();
      const calls = [
        mirror.send(old, [openLetter('b')]),
        mirror.send(old, [closedLetter('a', 1)]),
        mirror.countMissing(old, [openLetter('a')]),
        mirror.sweep(old, null),
      ];
      for (const call of calls) await expect(call).rejects.toMatchObject({ kind: 'outage', code: 'MIRROR_LOST' });
      expect(await opened.view()).toEqual(before);
      await other.close();
    });

    test('an emptied mirror refuses', async () => {
      const epoch = await begin();
      await opened.empty();
      const refusal = { kind: 'outage', code: 'MIRROR_LOST', message: expect.stringContaining('emptied') };
      await expect(mirror.send(epoch, [openLetter('a')])).rejects.toMatchObject(refusal);
    });

    test('a connection on which no epoch was begun refuses', async () => {
      const epoch = await begin();
      await mirror.send(epoch, [openLetter('a')]);
      const other = opened.connect();
      const refusal = { kind: 'outage', code: 'MIRROR_LOST', message: 'the connection to Redis is a new one' };
      await expect(other.countMissing(epoch, [openLetter('a')])).rejects.toMatchObject(refusal);
      await other.close();
    });

    test('missing and older letters are counted', async () => {
      const epoch = await begin();
      await mirror.send(epoch, [openLetter('a', { revision: 2 }), openLetter('b', { state: 'parked' })]);
      const has = { id: 'a', state: 'dead', revision: 2 } as const;
      expect(await mirror.countMissing(epoch, [has, { id: 'b', state: 'parked', revision: 1 }])).toBe(0);
      expect(await mirror.countMissing(epoch, [{ ...has, revision: 3 }])).toBe(1);
      expect(await mirror.countMissing(epoch, [{ ...has, state: 'parked' }])).toBe(1);
      expect(await mirror.countMissing(epoch, [{ ...has, id: 'c' }])).toBe(1);
    });

    test('sweeping removes what the epoch did not send, and nothing else', async () => {
      const many = Array.from({ length: 2500 }, (_, n) => openLetter(`old-${n}`, { state: n % 2 ? 'dead' : 'parked' }));
      const before = await begin();
      await mirror.send(before, [...many, openLetter('stays'), openLetter('closed')]);
      await mirror.send(before, [closedLetter('closed', 2)]);
      const epoch = await begin();
      await mirror.send(epoch, [openLetter('stays'), openLetter('new', { state: 'parked' })]);
      expect(await sweepAll(epoch)).toBe(2500);
      const view = await opened.view();
      expect(view).toMatchObject({ dead: ['stays'], parked: ['new'] });
      expect(Object.keys(view.entries)).toEqual(['new', 'stays']);
      expect(Object.keys(view.closed)).toEqual(['closed']);
    });
  });
}
