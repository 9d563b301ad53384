import { z } from 'zod';

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

// SQL Server's datetime2 and PostgreSQL's timestamptz both hold these years whatever zone a session shows them in.
const EARLIEST = Date.UTC(2000, 0, 1);
const LATEST = Date.UTC(9999, 0, 1) - 1;

const FORM =
  'must be an RFC 3339 time with a zone and at most 9 decimals of a second, like 2026-11-20T10:15:30.123Z, of the years 2000 to 9998';
const NO_SUCH_TIME = 'must be a date and time that exist, like 2026-11-20T10:15:30.123Z';
const LEAP_SECOND = 'must not have 60 seconds: leap seconds cannot be stored, send :59.999 instead';
const OUT_OF_RANGE = 'must be of the years 2000 to 9998, as written and in UTC';

/** A moment as milliseconds since 1970, or what is wrong with it. Fractions are cut to the millisecond. */
export function parseInstant(text: string): number | { readonly problem: string } {
  const zone = RFC_3339.exec(text)?.[1];
  if (zone === undefined) return { problem: FORM };
  const year = numberAt(text, 0, 4);
  const [month, day] = [numberAt(text, 5, 2), numberAt(text, 8, 2)];
  const [hour, minute, second] = [numberAt(text, 11, 2), numberAt(text, 14, 2), numberAt(text, 17, 2)];
  if (second === 60) return { problem: LEAP_SECOND };
  if (!isRealDate(year, month, day) || !isRealTime(hour, minute, second)) return { problem: NO_SUCH_TIME };
  const offset = offsetOf(zone);
  if (offset === null) return { problem: NO_SUCH_TIME };
  const local = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds(text));
  return inRange(local) && inRange(local - offset) ? local - offset : { problem: OUT_OF_RANGE };
}

/** The digits of `text` in `[from, from + length)`; reading char codes makes no strings on a path taken for each event. */
function numberAt(text: string, from: number, length: number): number {
  let value = 0;
  for (let i = from; i < from + length; i++) value = value * 10 + text.charCodeAt(i) - 48;
  return value;
}

/** The first three decimals of the seconds; a zone that comes sooner ends them. */
function milliseconds(text: string): number {
  if (text[19] !== '.') return 0;
  const isDigit = (i: number) => text.charCodeAt(i) >= 48 && text.charCodeAt(i) <= 57;
  const count = !isDigit(21) ? 1 : !isDigit(22) ? 2 : 3;
  return numberAt(text, 20, count) * 10 ** (3 - count);
}

/** Milliseconds ahead of UTC of a zone like +02:00 or Z; null for one that no clock has. */
function offsetOf(zone: string): number | null {
  if (zone.length === 1) return 0;
  const [hours, minutes] = [numberAt(zone, 1, 2), numberAt(zone, 4, 2)];
  if (!isRealTime(hours, minutes, 0)) return null;
  return (zone[0] === '-' ? -60_000 : 60_000) * (hours * 60 + minutes);
}

function isRealDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  // Day 0 of the next month is the last of this one. Not Date.UTC(year, ..) for years below 100: it means 19xx.
  return day <= 28 || day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}

function isRealTime(hour: number, minute: number, second: number): boolean {
  return hour <= 23 && minute <= 59 && second <= 59;
}

function inRange(ms: number): boolean {
  return ms >= EARLIEST && ms <= LATEST;
}

/** The form in which texts and instants sort alike: 'YYYY-MM-DDTHH:mm:ss.SSSZ'. */
function isNormal(text: string): boolean {
  return text.length === 24 && text[10] === 'T' && text[23] === 'Z';
}

/** RFC 3339 in, 'YYYY-MM-DDTHH:mm:ss.SSSZ' out. */
export const instant = z
  .string(FORM)
  .transform((text, context) => {
    const parsed = parseInstant(text);
    if (typeof parsed === 'number') return isNormal(text) ? text : new Date(parsed).toISOString();
    context.addIssue(parsed.problem);
    return z.NEVER;
  })
  .meta({
    format: 'date-time',
    description: 'When it happened: RFC 3339 with a zone; kept to the millisecond, in UTC',
    examples: ['2026-11-20T10:15:30.123Z'],
  });
