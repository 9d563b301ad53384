/** What a request may cost. Sizes in bytes, times in milliseconds. */
export interface ApiLimits {
  /** Of a JSON body: 1,000 ordinary events are below 1 MiB, 1,000 of the largest are not meant to come at once. */
  readonly jsonBodyBytes: number;
  /** Of an unvalidated body: more than an event may have, so that one that is too large can be tried. */
  readonly rawBodyBytes: number;
  /** From the end of the headers to the answer. */
  readonly requestMs: number;
}

export const API_LIMITS: ApiLimits = {
  jsonBodyBytes: 16 * 1024 * 1024,
  rawBodyBytes: 1024 * 1024,
  requestMs: 35_000,
};

/** What a connection may cost, enforced by Node. */
export interface ServerLimits {
  readonly headersMs: number;
  /** From the first byte of a request to its last. */
  readonly receiveMs: number;
  readonly keepAliveMs: number;
  /** How often Node looks for connections beyond these times. */
  readonly checkEveryMs: number;
  readonly headerBytes: number;
  readonly connections: number;
}

export const SERVER_LIMITS: ServerLimits = {
  headersMs: 10_000,
  receiveMs: 30_000,
  keepAliveMs: 5_000,
  checkEveryMs: 2_000,
  headerBytes: 16 * 1024,
  connections: 1_000,
};

export const MAX_EVENTS_PER_REQUEST = 1_000;
export const MAX_GENERATED_EVENTS = 10_000;
export const MAX_LETTERS_PER_REDRIVE = 1_000;
export const MAX_PAGE = 500;
export const DEFAULT_PAGE = 50;
