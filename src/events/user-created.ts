import { z } from 'zod';
import { identifier } from './identifier.ts';
import { isStorableText, text, UNSTORABLE_TEXT } from './text.ts';

const MAX_EMAIL_UNITS = 254;
const EMAIL = `must be an e-mail address of at most ${MAX_EMAIL_UNITS} characters without white space`;

/**
 * The form of an e-mail address that is unique: lower case by the Unicode tables, not by a database's locale, and NFC.
 * In this order, for lower case can undo NFC: J with a caron has no code point of its own, the small one has.
 */
export function emailKey(email: string): string {
  return email.toLowerCase().normalize('NFC');
}

/** Deliberately loose: whether mail arrives is for nobody here to say. Lower case may be longer than what was given. */
const email = z
  .string(EMAIL)
  .max(MAX_EMAIL_UNITS, EMAIL)
  .regex(/^[^\s\u0085]+@[^\s\u0085]+$/, EMAIL)
  .refine(isStorableText, UNSTORABLE_TEXT)
  .refine((address) => address.length <= MAX_EMAIL_UNITS, EMAIL)
  .refine((address) => emailKey(address).length <= MAX_EMAIL_UNITS, `${EMAIL}, in lower case too`);

const payload = z.object({ userId: identifier, email, name: text(200) }, 'must be an object');

export type UserCreatedPayload = Readonly<z.output<typeof payload>>;

export interface UserRow {
  readonly userId: string;
  readonly email: string;
  readonly emailKey: string;
  readonly name: string;
}

/** A user exists, or has new data. */
export const userCreated = {
  eventType: 'UserCreated',
  payload,
  entityField: 'userId',
  key: ({ userId }: UserCreatedPayload): string => userId,
  toRow: ({ userId, email, name }: UserCreatedPayload): UserRow => ({ userId, email, emailKey: emailKey(email), name }),
  example: { userId: 'user-1', email: 'ann@example.com', name: 'Ann Example' },
} as const;
