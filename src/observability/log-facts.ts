import type { Emit, Fact, LetterFact, RecordFact } from '../pipeline/facts.ts';
import type { Logger } from './logger.ts';
import { cleanErrorText } from './redact.ts';

type FactOf<K extends Fact['kind']> = Extract<Fact, { kind: K }>;

export interface LogFactsOptions {
  /** Every event at info, otherwise at debug. */
  readonly logEvents: boolean;
}

const MAX_IDS = 10;

/**
 * Writes the pipeline's facts as log lines: one for each batch at info, one for each event at debug, one for each dead
 * letter at warn. Parked letters are not warned about here: most of them wait for a moment only.
 */
export function logFacts(logger: Logger, { logEvents }: LogFactsOptions): Emit {
  const eventLevel = logEvents ? 'info' : 'debug';
  /** The reason of each pause that was logged, by partition. */
  const pauses = new Map<number, string>();

  function batchApplied({ topic, partition, from, next, records, woken, consumeMs }: FactOf<'batch-applied'>): void {
    const where = { topic, partition };
    const ms = Math.round(consumeMs);
    logger.info({ ...where, from, next, ...summaryOf(records), woken, ms }, 'batch applied');
    for (const record of records) {
      if (record.status === 'dead') logger.warn({ ...where, ...recordFields(record) }, 'dead letter');
      else if (logger.isLevelEnabled(eventLevel)) logger[eventLevel]({ ...where, ...recordFields(record) }, 'event');
    }
  }

  function lettersAttempted({ action, letters }: FactOf<'letters-attempted'>): void {
    const died = letters.filter(({ before, status }) => before === 'parked' && status === 'dead');
    // Letters that go on waiting are tried often and say nothing new.
    const level = action === 'redrive' || letters.some(isChanged) ? 'info' : 'debug';
    logger[level]({ action, ...summaryOf(letters) }, 'dead letters tried again');
    for (const letter of died) logger.warn(letterFields(letter), 'dead letter');
    if (!logger.isLevelEnabled(eventLevel)) return;
    for (const letter of letters) {
      if (!died.includes(letter)) logger[eventLevel]({ action, ...letterFields(letter) }, 'dead letter tried again');
    }
  }

  function partitionPaused({ topic, partition, reason, detail, retryInMs }: FactOf<'partition-paused'>): void {
    if (pauses.get(partition) === reason) return;
    pauses.set(partition, reason);
    // An outage ends by itself; the others may need somebody.
    const level = reason === 'outage' || reason === 'races' ? 'warn' : 'error';
    const fields = { topic, partition, reason, retryInMs, detail: cleanErrorText(detail) };
    logger[level](fields, 'partition paused');
  }

  function partitionResumed({ topic, partition, pausedMs }: FactOf<'partition-resumed'>): void {
    pauses.delete(partition);
    logger.info({ topic, partition, pausedMs }, 'partition resumed');
  }

  return (fact) => {
    switch (fact.kind) {
      case 'batch-applied':
        return batchApplied(fact);
      case 'batch-fenced':
        return logger.warn(factFields(fact), 'batch rejected: the position was moved by another');
      case 'letters-attempted':
        return lettersAttempted(fact);
      case 'letter-discarded':
        return logger.info({ letterId: fact.id }, 'dead letter discarded');
      case 'partition-paused':
        return partitionPaused(fact);
      case 'partition-resumed':
        return partitionResumed(fact);
      case 'positions-checked':
        return logger.debug(factFields(fact), 'positions checked');
      case 'retry-worker-failed':
        return logger.warn({ detail: cleanErrorText(fact.detail) }, 'retry worker failed');
      case 'retry-worker-recovered':
        return logger.info('retry worker recovered');
      case 'mirror-failed':
        return mirrorFailed(logger, fact);
      case 'mirror-complete':
        return logger.info(factFields(fact), 'mirror of the dead letters is complete');
      case 'letters-waiting':
        return lettersWaiting(logger, fact);
      case 'pruned':
        return logger.info(factFields(fact), 'old ledger rows and payloads deleted');
      case 'prune-failed':
        return pruneFailed(logger, fact);
    }
  };
}

/** An outage is made up for next time; anything else is for somebody to look at. */
function pruneFailed(logger: Logger, { errorKind, detail }: FactOf<'prune-failed'>): void {
  const level = errorKind === 'defect' ? 'error' : 'warn';
  logger[level]({ errorKind, detail: cleanErrorText(detail) }, 'old ledger rows and payloads not deleted');
}

/** The pipeline works without a mirror; a server that is away comes back. */
function mirrorFailed(logger: Logger, { errorKind, detail }: FactOf<'mirror-failed'>): void {
  const level = errorKind === 'defect' ? 'error' : 'warn';
  logger[level]({ errorKind, detail: cleanErrorText(detail) }, 'mirror of the dead letters fails');
}

function lettersWaiting(logger: Logger, { letters }: FactOf<'letters-waiting'>): void {
  for (const { id, ...letter } of letters) logger.warn({ ...letter, letterId: id }, 'dead letter is still waiting');
}

function factFields({ kind, ...fields }: Fact): object {
  return fields;
}

/** How many there are of each status, and the first ids. */
function summaryOf(of: ReadonlyArray<Pick<RecordFact, 'eventId'> & { readonly status: string }>): object {
  const counts: Record<string, number> = {};
  for (const { status } of of) counts[status] = (counts[status] ?? 0) + 1;
  const eventIds = of.slice(0, MAX_IDS).map(({ eventId }) => eventId);
  return { records: of.length, counts, eventIds };
}

function recordFields({ eventId, eventType, status, reason, letterId, traceparent, waitingFor }: RecordFact): object {
  return {
    eventId,
    eventType,
    status,
    ...(reason !== null && { reason }),
    ...(letterId !== null && { letterId }),
    ...(waitingFor !== null && { waitingFor: kindOfParent(waitingFor) }),
    ...(traceparent !== null && { traceparent }),
  };
}

function letterFields({ id, eventId, eventType, status, reason, waitedMs }: LetterFact): object {
  return { eventId, eventType, status, ...(reason !== null && { reason }), letterId: id, waitedMs };
}

/** "email:a@b.c" is personal data, and user ids may be; the letter has the rest. */
function kindOfParent(waitingFor: string): string {
  return waitingFor.slice(0, waitingFor.indexOf(':'));
}

function isChanged({ before, status }: LetterFact): boolean {
  return status !== before && status !== 'fenced';
}
