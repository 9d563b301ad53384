import { describe, expect, test } from 'vitest';
import { type ErrorKind, PipelineError } from '../../src/errors.ts';
import { classifyPostgresError, SQLSTATE_KINDS } from '../../src/order-store/postgres/errors.ts';

/** SQLSTATEs as PostgreSQL sends them, one for each row of the table at least. */
const SQLSTATES: ReadonlyArray<readonly [code: string, kind: ErrorKind]> = [
  ['23505', 'race'],
  ['23503', 'race'],
  ['40P01', 'race'],
  ['40001', 'race'],
  ['57014', 'timeout'],
  ['55P03', 'outage'],
  ['57P01', 'outage'],
  ['57P02', 'outage'],
  ['57P03', 'outage'],
  ['57P05', 'outage'],
  ['25006', 'outage'],
  ['08006', 'outage'],
  ['08001', 'outage'],
  ['53100', 'outage'],
  ['53300', 'outage'],
  ['58030', 'outage'],
  ['23502', 'data'],
  ['23514', 'data'],
  ['22003', 'data'],
  ['22P02', 'data'],
  ['42501', 'defect'],
  ['42601', 'defect'],
  ['42883', 'defect'],
  ['42P01', 'defect'],
  ['3D000', 'defect'],
  ['3F000', 'defect'],
  ['21000', 'defect'],
  ['28P01', 'defect'],
  ['28000', 'defect'],
  // Nobody listed these: an outage that a smaller batch may avoid.
  ['XX000', 'unforeseen'],
  ['P0001', 'unforeseen'],
  ['0A000', 'unforeseen'],
];

const SOCKET_CODES =
  'ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH EHOSTDOWN ENOTFOUND EAI_AGAIN ENOENT';

const failure = (code: string, message = 'message'): Error => Object.assign(new Error(message), { code });

describe('an error of PostgreSQL', () => {
  test.each(SQLSTATES)('%s is of kind %s', (code, kind) => {
    const cause = failure(code);
    const error = classifyPostgresError(cause);
    expect(error).toMatchObject({ kind, code, message: 'message' });
    expect(error.cause).toBe(cause);
  });

  test('of every row of the table has a case here', () => {
    const missing = SQLSTATE_KINDS.filter(([prefix]) => !SQLSTATES.some(([code]) => code.startsWith(prefix)));
    expect(missing).toEqual([]);
  });

  test('of a row that a shorter prefix before it would hide does not exist', () => {
    const prefixes = SQLSTATE_KINDS.map(([prefix]) => prefix);
    expect(prefixes.filter((prefix, n) => prefixes.slice(0, n).some((before) => prefix.startsWith(before)))).toEqual(
      [],
    );
  });

  test.each(SOCKET_CODES.split(' '))('%s of a socket is an outage', (code) => {
    expect(classifyPostgresError(failure(code))).toMatchObject({ kind: 'outage', code });
  });

  test.each([
    ['Connection terminated unexpectedly', 'outage'],
    ['Connection terminated due to connection timeout', 'outage'],
    ['timeout exceeded when trying to connect', 'outage'],
    ['Client has encountered a connection error and is not queryable', 'outage'],
    ['Cannot use a pool after calling end on the pool', 'outage'],
    ['Query read timeout', 'timeout'],
    ['something else', 'unforeseen'],
  ])('without a code, "%s" is of kind %s', (message, kind) => {
    expect(classifyPostgresError(new Error(message))).toMatchObject({ kind, code: 'UNKNOWN', message });
  });

  test('of a name with several addresses is what the first of them said', () => {
    const both = new AggregateError([failure('ECONNREFUSED', 'refused'), failure('ENETUNREACH')], '');
    expect(classifyPostgresError(both)).toMatchObject({ kind: 'outage', code: 'ECONNREFUSED', message: 'refused' });
  });

  test('that is classified already stays as it is', () => {
    const error = new PipelineError('race', 'X', 'message');
    expect(classifyPostgresError(error)).toBe(error);
  });

  test.each([[undefined], [null], ['text'], [7], [{}], [{ code: 5 }], [new AggregateError([])]])(
    'is classified whatever was thrown: %s',
    (thrown) => {
      expect(classifyPostgresError(thrown)).toMatchObject({ kind: 'unforeseen', code: 'UNKNOWN' });
    },
  );
});
