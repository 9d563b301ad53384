import kafkajs from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/errors.ts';
import { classifyKafkaError, isMembershipError, KAFKA_ERROR_KINDS } from '../../src/event-log/kafka/errors.ts';

const protocolError = (type: string): unknown => Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type });

describe('errors of kafkajs', () => {
  test.each(KAFKA_ERROR_KINDS)('%s is %s', (name, kind) => {
    const error = /^[A-Z_]+$/.test(name) ? protocolError(name) : Object.assign(new Error('x'), { name });
    expect(classifyKafkaError(error)).toMatchObject({ kind, code: name });
  });

  test('the kind is that of what exhausted the retries', () => {
    const cause = new kafkajs.KafkaJSConnectionError('refused', { broker: 'a:1', code: 'ECONNREFUSED' });
    const error = new kafkajs.KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 5, retryTime: 1 });
    expect(classifyKafkaError(error)).toMatchObject({ kind: 'outage', code: 'KafkaJSConnectionError', cause: error });
  });

  test('the kind is that of the first topic that could not be made', () => {
    const error = new kafkajs.KafkaJSAggregateError('Topic creation errors', [
      protocolError('TOPIC_AUTHORIZATION_FAILED') as kafkajs.KafkaJSError,
    ]);
    expect(classifyKafkaError(error)).toMatchObject({ kind: 'defect', code: 'TOPIC_AUTHORIZATION_FAILED' });
  });

  test('what nobody listed is unforeseen, whatever is thrown', () => {
    const endless: { cause?: unknown } = {};
    endless.cause = endless;
    for (const thrown of [new Error('new'), 'text', null, undefined, 7, {}, endless]) {
      expect(classifyKafkaError(thrown)).toMatchObject({ kind: 'unforeseen' });
    }
  });

  test('what has a kind keeps it', () => {
    const error = new PipelineError('data', 'X', 'x');
    expect(classifyKafkaError(error)).toBe(error);
  });

  test('an error of the membership is known by its type only, never by a cause', () => {
    expect(isMembershipError(protocolError('REBALANCE_IN_PROGRESS'))).toBe(true);
    expect(isMembershipError(new Error('x', { cause: protocolError('REBALANCE_IN_PROGRESS') }))).toBe(false);
    expect(isMembershipError(protocolError('UNKNOWN_TOPIC_OR_PARTITION'))).toBe(false);
    expect(isMembershipError(null)).toBe(false);
  });
});
