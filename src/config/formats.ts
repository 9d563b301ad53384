/** How a setting is written. `parse` gives undefined for what `mustBe` does not describe. */
export interface Format<T> {
  /** Completes "must be ...". */
  readonly mustBe: string;
  readonly parse: (text: string) => T | undefined;
}

export const text: Format<string> = { mustBe: 'text', parse: (value) => value };

export const boolean: Format<boolean> = {
  mustBe: 'true or false',
  parse: (value) => ({ true: true, false: false })[value.toLowerCase()],
};

export function oneOf<const T extends string>(...words: readonly T[]): Format<T> {
  return { mustBe: words.join(' or '), parse: (value) => words.find((word) => word === value.toLowerCase()) };
}

export function integer(min: number, max: number): Format<number> {
  return {
    mustBe: `a whole number from ${min} to ${max}`,
    parse: (value) => (/^-?\d{1,15}$/.test(value) ? within(Number(value), min, max) : undefined),
  };
}

/** `min` is 0 where any free port will do. */
export function port(min: 0 | 1): Format<number> {
  const { mustBe, parse } = integer(min, 65_535);
  // Kubernetes gives every container <SERVICE>_PORT=tcp://10.0.0.1:80 for each Service it knows.
  return { mustBe: `${mustBe} (under Kubernetes, enableServiceLinks: false keeps its own names out)`, parse };
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A duration in milliseconds; the bounds are written as the setting is. */
export function duration(min: string, max: string): Format<number> {
  const [least, most] = [milliseconds(min) ?? 0, milliseconds(max) ?? 0];
  return {
    mustBe: `a duration like 500ms, 30s, 5m, 24h or 30d, from ${min} to ${max}`,
    parse: (value) => within(milliseconds(value), least, most),
  };
}

function milliseconds(value: string): number | undefined {
  const [, count, unit] = /^(\d{1,12}) ?(ms|s|m|h|d)$/.exec(value) ?? [];
  return unit === undefined ? undefined : Number(count) * (DURATION_UNITS[unit] ?? Number.NaN);
}

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A size in bytes. */
export function size(min: string, max: string): Format<number> {
  const [least, most] = [bytes(min) ?? 0, bytes(max) ?? 0];
  return {
    mustBe: `a size like 4096, 256KiB or 4MiB, from ${min} to ${max}`,
    parse: (value) => within(bytes(value), least, most),
  };
}

function bytes(value: string): number | undefined {
  const [, count, unit] = /^(\d{1,12}) ?(|B|KiB|MiB|GiB)$/.exec(value) ?? [];
  return unit === undefined ? undefined : Number(count) * (SIZE_UNITS[unit] ?? Number.NaN);
}

/** Host and port of one or more servers. */
export const brokers: Format<readonly string[]> = {
  mustBe: 'a list like broker1:9092,broker2:9092',
  parse: (value) => {
    const list = value.split(',').map((broker) => broker.trim());
    return list.every(isHostAndPort) ? list : undefined;
  },
};

function isHostAndPort(value: string): boolean {
  const [, number] = /^(?:[\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})$/.exec(value) ?? [];
  return number !== undefined && within(Number(number), 1, 65_535) !== undefined;
}

export function url(schemes: readonly string[], example: string): Format<string> {
  return {
    mustBe: `a URL like ${example}`,
    parse: (value) => (URL.canParse(value) && schemes.includes(new URL(value).protocol) ? value : undefined),
  };
}

/** It travels in a header, after "Bearer ". */
export const token: Format<string> = {
  mustBe: '8 or more printable ASCII characters without a space',
  parse: (value) => (/^[!-~]{8,}$/.test(value) ? value : undefined),
};

export const topicName: Format<string> = {
  mustBe: 'a topic name: 1 to 249 letters, digits, dots, underscores and hyphens',
  parse: (value) => (/^(?!\.{1,2}$)[\w.-]{1,249}$/.test(value) ? value : undefined),
};

/** Words separated by white space would end up as two arguments in redis-cli. */
export const keyPrefix: Format<string> = {
  mustBe: '1 to 100 printable ASCII characters without a space',
  parse: (value) => (/^[!-~]{1,100}$/.test(value) ? value : undefined),
};

export const pem: Format<string> = {
  mustBe: 'the name of a file in PEM format',
  parse: (value) => (value.includes('-----BEGIN ') ? value : undefined),
};

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
