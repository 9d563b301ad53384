import { z } from '@hono/zod-openapi';
import type { LetterAction, LetterDetails } from '../dead-letters.ts';
import type { RecordHeader } from '../event-log.ts';
import { REASONS } from '../events/index.ts';
import { idText, instantText, offsetText } from './parameters.ts';

export const LETTER_STATES = ['parked', 'dead', 'resolved', 'discarded'] as const;

export const letterSummary = z
  .object({
    id: z.string().meta({ example: 'order-events:3:1042' }),
    state: z.enum(LETTER_STATES),
    reason: z.enum(REASONS),
    error: z.string(),
    path: z.string().nullable(),
    eventId: idText.nullable(),
    eventType: z.string().nullable(),
    entityId: idText.nullable(),
    waitingFor: z.string().nullable().meta({ example: 'user:user-1' }),
    topic: z.string(),
    partition: z.int(),
    offset: offsetText,
    attempts: z.int(),
    revision: z.int(),
    firstFailedAt: instantText,
    lastFailedAt: instantText,
    nextAttemptAt: instantText.nullable(),
  })
  .openapi('DeadLetter');

const encoding = z
  .enum(['utf8', 'base64'])
  .nullable()
  .meta({ description: 'utf8 if the bytes are exactly this text; null if there are none' });
const text = z.string().nullable();
const edited = { editedKey: text, editedKeyEncoding: encoding, editedPayload: text, editedPayloadEncoding: encoding };

export const letterDetails = letterSummary
  .extend({
    key: text,
    keyEncoding: encoding,
    payload: text.meta({ description: 'As received; null for a tombstone, or after its retention' }),
    payloadEncoding: encoding,
    truncated: z.boolean().meta({ description: 'The payload was cut at 8 MiB' }),
    ...edited,
    headers: z.array(z.object({ name: z.string(), value: z.string(), valueEncoding: z.enum(['utf8', 'base64']) })),
    recordTimestamp: instantText,
    actions: z.array(
      z.object({
        at: instantText,
        actor: z.string(),
        action: z.enum(['retry', 'redrive', 'edit', 'discard', 'quarantine']),
        outcome: z.string(),
        note: text,
        ...edited,
      }),
    ),
  })
  .openapi('DeadLetterDetails');

type LetterView = z.infer<typeof letterDetails>;
type BytesEncoding = 'utf8' | 'base64';

/** A letter as the API shows it: bytes as text where they are text, as base64 otherwise. */
export function viewLetter(letter: LetterDetails): LetterView {
  const { key, value, headers, actions, editedKey, editedValue, ...rest } = letter;
  const shownKey = viewBytes(key);
  const shownPayload = viewBytes(value);
  return {
    ...rest,
    key: shownKey?.text ?? null,
    keyEncoding: shownKey?.encoding ?? null,
    payload: shownPayload?.text ?? null,
    payloadEncoding: shownPayload?.encoding ?? null,
    ...viewEdit({ editedKey, editedValue }),
    headers: headers.map(viewHeader),
    actions: actions.map(({ editedKey, editedValue, ...action }) => ({
      ...action,
      ...viewEdit({ editedKey, editedValue }),
    })),
  };
}

function viewEdit({ editedKey, editedValue }: Pick<LetterAction, 'editedKey' | 'editedValue'>) {
  const key = viewBytes(editedKey);
  const payload = viewBytes(editedValue);
  return {
    editedKey: key?.text ?? null,
    editedKeyEncoding: key?.encoding ?? null,
    editedPayload: payload?.text ?? null,
    editedPayloadEncoding: payload?.encoding ?? null,
  };
}

function viewHeader([name, value]: RecordHeader): LetterView['headers'][number] {
  const { text, encoding } = viewBytes(value);
  return { name, value: text, valueEncoding: encoding };
}

// ignoreBOM keeps a byte order mark in the text: without it the text would not have the same bytes.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function viewBytes(bytes: Uint8Array): { text: string; encoding: BytesEncoding };
export function viewBytes(bytes: Uint8Array | null): { text: string; encoding: BytesEncoding } | null;
export function viewBytes(bytes: Uint8Array | null): { text: string; encoding: BytesEncoding } | null {
  if (bytes === null) return null;
  try {
    return { text: strictUtf8.decode(bytes), encoding: 'utf8' };
  } catch {
    return { text: Buffer.from(bytes).toString('base64'), encoding: 'base64' };
  }
}

/** The bytes of a text in its encoding, null if it is not base64 although it should be. */
export function toBytes(text: string, encoding: BytesEncoding): Uint8Array | null {
  if (encoding === 'utf8') return Buffer.from(text, 'utf8');
  return BASE64.test(text) ? Buffer.from(text, 'base64') : null;
}

// Buffer.from skips whatever is not base64, and so would store something else than was sent.
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
