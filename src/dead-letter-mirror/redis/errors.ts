import { type ErrorKind, PipelineError } from '../../errors.ts';

/**
 * First words of Redis's error replies and what they mean. Sources: the errors that server.c and acl.c of Redis 7 share
 * (createSharedObjects), and https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/.
 */
export const REPLY_KINDS: ReadonlyArray<readonly [word: string, kind: ErrorKind, meaning: string]> = [
  ['OOM', 'outage', 'maxmemory is reached and nothing may be evicted'],
  ['LOADING', 'outage', 'the server reads its data from the disk'],
  ['BUSY', 'outage', 'a script runs for too long'],
  ['READONLY', 'outage', 'a replica: a failover is under way'],
  ['MASTERDOWN', 'outage', 'a replica without its master'],
  ['NOREPLICAS', 'outage', 'too few replicas for a write'],
  ['MISCONF', 'outage', 'the server cannot write its data to the disk and refuses writes'],
  ['CLUSTERDOWN', 'outage', 'the cluster lacks slots'],
  ['TRYAGAIN', 'outage', 'slots are being moved'],
  ['NOAUTH', 'defect', 'a password is demanded'],
  ['WRONGPASS', 'defect', 'the password or the user is wrong'],
  ['NOPERM', 'defect', 'the user may not run this command, or not on these keys'],
  ['WRONGTYPE', 'defect', 'somebody else keeps another kind of value under a key of the mirror'],
];

const FIRST_WORD = /^-?([A-Z]+)\b/;
/** ioredis, Redis.js and Command.js. */
const TIMEOUT_MESSAGE = 'Command timed out';
const CONNECTION_MESSAGES = /Connection is closed|Stream isn't writeable|max retries per request|connect ETIMEDOUT/i;

/** Gives any error of ioredis its kind. Never throws; an error that is classified already stays as it is. */
export function classifyRedisError(error: unknown): PipelineError {
  if (error instanceof PipelineError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isTimeout(error)) return new PipelineError('timeout', 'REDIS_TIMEOUT', 'Redis did not answer in time', error);
  const word = FIRST_WORD.exec(message)?.[1];
  const known = REPLY_KINDS.find(([first]) => first === word);
  if (known !== undefined) return new PipelineError(known[1], known[0], message, error);
  const code = (error as { code?: unknown } | null)?.code;
  const isConnection = typeof code === 'string' || CONNECTION_MESSAGES.test(message);
  return new PipelineError(isConnection ? 'outage' : 'unforeseen', 'REDIS_ERROR', message, error);
}

export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === TIMEOUT_MESSAGE;
}
