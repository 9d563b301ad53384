/** The event contract: what an event is, how it is read from bytes, and why it is refused. Imports nothing of ours. */
export { bodyHash } from './body-hash.ts';
export { type Checked, checkEvent, type DecodeLimits } from './check.ts';
export { type Decoded, decodeRecord, type EncodedRecord, type Rejection } from './decode.ts';
export { encodeEvent, type SentEvent } from './encode.ts';
export {
  type Content,
  EVENT_TYPES,
  type Event,
  type EventOf,
  type EventType,
  entityId,
  type InventoryAdjusted,
  isEventType,
  type OrderPlaced,
  type PaymentSettled,
  recordKey,
  toRow,
  type UserCreated,
} from './event.ts';
export { eventIdentifier, identifier, isEventIdentifier, isIdentifier } from './identifier.ts';
export { parseInstant } from './instant.ts';
export { decimalText } from './money.ts';
export { type EventIdentity, exampleEvent, newEventSchema, withIdentity } from './new-event.ts';
export type { Problem } from './problem.ts';
export { REASONS, type Reason } from './reasons.ts';
export { traceparentOf } from './traceparent.ts';
export { emailKey } from './user-created.ts';
