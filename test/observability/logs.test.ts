import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { PipelineError } from '../../src/errors.ts';
import { logFacts } from '../../src/observability/log-facts.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { cleanErrorText, redactor, withoutCredentials } from '../../src/observability/redact.ts';
import type { Fact } from '../../src/pipeline/facts.ts';
import { batchApplied, letterFact, recordFact } from './facts.ts';

type Line = Record<string, unknown>;

const SECRETS = {
  ADMIN_TOKEN: 'canary-admin-token',
  READ_TOKEN: 'canary-read-token',
  KAFKA_BROKERS: 'kafka:9092',
  KAFKA_SASL_MECHANISM: 'plain',
  KAFKA_SASL_USERNAME: 'app',
  KAFKA_SASL_PASSWORD: 'Canary"Sasl\\1',
  POSTGRES_URL: 'postgres://app:canary%2Fpg%40pw@db:5432/orders',
  REDIS_URL: 'redis://:canary-redis-pw@redis:6379',
};

function capture(env: Record<string, string> = {}) {
  const written: string[] = [];
  const logger = createLogger(loadConfig(env), { write: (line) => written.push(line) });
  return { logger, text: () => written.join(''), lines: (): Line[] => written.map((line) => JSON.parse(line)) };
}

function linesOf(fact: Fact, { logEvents = false, level = 'info' } = {}): Line[] {
  const { logger, lines } = capture({ LOG_LEVEL: level });
  logFacts(logger, { logEvents })(fact);
  return lines();
}

describe('facts as lines', () => {
  test('a batch is one line with its position, counts and at most 10 event ids', () => {
    const applied = Array.from({ length: 12 }, (_, n) => recordFact({ eventId: `event-${n}` }));
    const parked = recordFact({ status: 'parked', reason: 'MISSING_REFERENCE', letterId: 'orders:3:22' });
    const lines = linesOf(batchApplied([...applied, parked], { woken: 2 }));
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        msg: 'batch applied',
        topic: 'orders',
        partition: 3,
        from: '10',
        next: '23',
        records: 13,
        counts: { applied: 12, parked: 1 },
        eventIds: applied.slice(0, 10).map(({ eventId }) => eventId),
        woken: 2,
        ms: 20,
      },
    ]);
  });

  test('each event is a line at debug, or at info with LOG_EVENTS', () => {
    const fact = batchApplied([recordFact({ traceparent: '00-a-b-01' }), recordFact({ eventId: 'event-2' })]);
    const events = (lines: Line[]) => lines.filter(({ msg }) => msg === 'event');
    expect(events(linesOf(fact))).toEqual([]);
    expect(events(linesOf(fact, { level: 'debug' }))).toHaveLength(2);
    expect(events(linesOf(fact, { logEvents: true }))).toEqual([
      expect.objectContaining({ level: 'info', eventId: 'event-1', status: 'applied', traceparent: '00-a-b-01' }),
      expect.objectContaining({ level: 'info', eventId: 'event-2' }),
    ]);
  });

  test('a dead letter is a warning with event id, reason and letter id; a parked one is none', () => {
    const dead = recordFact({
      status: 'dead',
      reason: 'EMAIL_TAKEN',
      letterId: 'orders:3:10',
      waitingFor: 'email:a@b.c',
    });
    const parked = recordFact({ status: 'parked', reason: 'MISSING_REFERENCE', waitingFor: 'user:u1' });
    const warnings = linesOf(batchApplied([dead, parked])).filter(({ level }) => level === 'warn');
    expect(warnings).toEqual([
      expect.objectContaining({
        msg: 'dead letter',
        eventId: 'event-1',
        reason: 'EMAIL_TAKEN',
        letterId: 'orders:3:10',
        waitingFor: 'email',
      }),
    ]);
  });

  test('every line about an event has its id, be it null', () => {
    const records = [recordFact(), recordFact({ eventId: null, status: 'dead', reason: 'INVALID_JSON' })];
    const letters = [letterFact(), letterFact({ eventId: null, status: 'dead', reason: 'MISSING_REFERENCE' })];
    const facts: Fact[] = [batchApplied(records), { kind: 'letters-attempted', action: 'retry', letters }];
    const lines = facts.flatMap((fact) => linesOf(fact, { level: 'debug' }));
    expect(lines).toHaveLength(6);
    for (const line of lines) expect('eventId' in line || 'eventIds' in line).toBe(true);
  });

  test('a letter that died while parked is a warning; letters that go on waiting say nothing at info', () => {
    const attempted = (letter: Parameters<typeof letterFact>[0]): Fact => ({
      kind: 'letters-attempted',
      action: 'retry',
      letters: [letterFact(letter)],
    });
    expect(linesOf(attempted({ status: 'parked', reason: 'MISSING_REFERENCE' }))).toEqual([]);
    const lines = linesOf(attempted({ status: 'dead', reason: 'MISSING_REFERENCE' }));
    expect(lines.map(({ level }) => level)).toEqual(['info', 'warn']);
    expect(lines[1]).toMatchObject({ eventId: 'event-7', letterId: 'orders:3:7', reason: 'MISSING_REFERENCE' });
    expect(linesOf(attempted({ status: 'applied' }))).toHaveLength(1);
  });

  test('a pause is one line whatever the number of probes, and so is its end', () => {
    const { logger, lines } = capture();
    const observe = logFacts(logger, { logEvents: false });
    const where = { topic: 'orders', partition: 1 };
    const pause = {
      kind: 'partition-paused',
      ...where,
      reason: 'outage',
      detail: '08006: away',
      retryInMs: 9,
    } as const;
    for (let n = 0; n < 3; n += 1) observe(pause);
    observe({ kind: 'partition-resumed', ...where, pausedMs: 1200 });
    observe({ ...pause, reason: 'stopped' });
    expect(lines().map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'partition paused'],
      ['info', 'partition resumed'],
      ['error', 'partition paused'],
    ]);
  });

  test('every other fact is a line of its own', () => {
    const partitions = [{ partition: 0, position: 1n, start: 0n, end: 3n, lag: 2n, assigned: true }];
    const waiting = { ...letterFact(), reason: 'MISSING_REFERENCE' as const };
    const facts: Array<[Fact, string]> = [
      [{ kind: 'batch-fenced', topic: 'orders', partition: 0, expected: 9n }, 'warn'],
      [{ kind: 'letter-discarded', id: 'orders:3:7' }, 'info'],
      [{ kind: 'positions-checked', topic: 'orders', partitions }, 'debug'],
      [{ kind: 'retry-worker-failed', detail: 'away' }, 'warn'],
      [{ kind: 'retry-worker-recovered' }, 'info'],
      [{ kind: 'mirror-failed', errorKind: 'outage', detail: 'away' }, 'warn'],
      [{ kind: 'mirror-failed', errorKind: 'defect', detail: 'no permission' }, 'error'],
      [{ kind: 'mirror-complete', sent: 3, removed: 1, ms: 20 }, 'info'],
      [{ kind: 'letters-waiting', letters: [waiting] }, 'warn'],
      [{ kind: 'pruned', ledgerRows: 3, payloads: 1 }, 'info'],
      [{ kind: 'prune-failed', errorKind: 'outage', detail: 'away' }, 'warn'],
      [{ kind: 'prune-failed', errorKind: 'defect', detail: 'no such table' }, 'error'],
    ];
    for (const [fact, level] of facts) {
      expect(linesOf(fact, { level: 'debug' }).map((line) => line['level'])).toEqual([level]);
    }
  });
});

describe('what no line holds', () => {
  test('secrets of the configuration, wherever they are logged', () => {
    const { logger, text, lines } = capture(SECRETS);
    const secrets = [...Object.values(SECRETS).filter((value) => /canary/i.test(value)), 'canary/pg@pw'];
    for (const secret of secrets) {
      logger.info(`said ${secret}`);
      logger.info({ detail: `said ${secret}`, list: [{ deep: { text: secret } }] }, 'it was %s', secret);
      logger.error(new Error(`outer ${secret}`, { cause: new Error(`inner ${secret}`) }));
      logger.error({ err: new PipelineError('outage', 'X', secret, new Error(secret)) }, 'failed');
    }
    expect(text()).not.toMatch(/canary/i);
    expect(lines()).toHaveLength(secrets.length * 4);
  });

  test('fields that hold secrets or payloads, and bytes', () => {
    const { logger, text } = capture();
    logger.info({
      token: 'canary1',
      http: { password: 'canary2' },
      payload: { name: 'canary3' },
      adminToken: 'canary4',
    });
    logger.info({ record: Buffer.from('canary5'), message: { value: Buffer.from('canary6') } }, 'bytes');
    expect(text()).not.toMatch(/canary/);
    expect(text()).not.toContain(String('c'.charCodeAt(0)));
  });

  test('what drivers attach to their errors', () => {
    const { logger, text, lines } = capture();
    const error = Object.assign(new Error('duplicate key value violates unique constraint "users_email"'), {
      code: '23505',
      detail: 'Key (email_key)=(canary@example.com) already exists.',
      parameters: ['canary'],
    });
    logger.error({ err: error }, 'failed');
    expect(text()).not.toContain('canary');
    expect(lines()[0]?.['err']).toMatchObject({ name: 'Error', code: '23505', message: error.message });
  });

  test('payload text and addresses in the detail of a fact', () => {
    const details = [
      "2627: Violation of UNIQUE KEY constraint 'u'. The duplicate key value is (canary@example.com).",
      '22P02: invalid input syntax for type numeric: "canary"',
      "8152: String or binary data would be truncated. Truncated value: 'canary'.",
      `SyntaxError: ${messageOf(() => JSON.parse('{"name": canary, "a": "b"}'))}`,
      'login failed for postgres://app:canary@db:5432/orders',
      'login failed for postgres://app:canary(pw@db.example.com:5432/orders',
    ];
    const { logger, text, lines } = capture();
    const observe = logFacts(logger, { logEvents: true });
    for (const [partition, detail] of details.entries()) {
      observe({ kind: 'partition-paused', topic: 'orders', partition, reason: 'stuck', detail, retryInMs: 1 });
      observe({ kind: 'retry-worker-failed', detail });
      observe({ kind: 'prune-failed', errorKind: 'unforeseen', detail });
      observe({ kind: 'mirror-failed', errorKind: 'unforeseen', detail });
    }
    expect(text()).not.toContain('canary');
    expect(lines()).toHaveLength(details.length * 4);
    expect(lines()[0]?.['detail']).toMatch(/^2627: Violation of UNIQUE KEY constraint 'u'/);
  });

  test('a password that is a common word takes nothing out of other lines', () => {
    const { logger, lines } = capture({ POSTGRES_URL: 'postgres://postgres:postgres@db/orders' });
    logger.info({ store: 'postgres', detail: 'cannot reach postgres://postgres:postgres@db/orders' }, 'start');
    expect(lines()[0]).toMatchObject({ store: 'postgres', detail: expect.not.stringContaining(':postgres@') });
  });
});

describe('texts', () => {
  test.each([
    ['postgres://app:p@ss/w:rd@db:5432/orders', 'postgres://[redacted]@db:5432/orders'],
    ['rediss://:pw@r:6379 refused', 'rediss://[redacted]@r:6379 refused'],
    ['Server=db;User Id=sa;Password=p w;x', 'Server=db;User Id=sa;Password=[redacted] w;x'],
    ['{"password":"pw","a":1}', '{"password":[redacted],"a":1}'],
    ['Authorization: Bearer abc.def', 'Authorization: Bearer [redacted]'],
    ['connect ECONNREFUSED 127.0.0.1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'],
    ['see http://localhost:8080/docs', 'see http://localhost:8080/docs'],
  ])('credentials are taken out of %j', (text, cleaned) => {
    expect(withoutCredentials(text)).toBe(cleaned);
  });

  test('a long text is cleaned in no long time, and cut without leaving half a secret', () => {
    const redact = redactor(['Canary-secret']);
    const started = performance.now();
    for (const piece of ['a', 'a://', 'a@', 'Unexpected ', 'password', 'Key (', '"']) {
      const text = piece.repeat(200_000);
      expect(redact(text).length).toBeLessThan(8100);
      cleanErrorText(text);
    }
    expect(performance.now() - started).toBeLessThan(2000);
    for (let n = 0; n < 20; n += 1) {
      expect(redact(`${'x'.repeat(7990 + n)}Canary-secret${'y'.repeat(9000)}`)).not.toContain('Can');
    }
  });
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was expected to fail');
}
