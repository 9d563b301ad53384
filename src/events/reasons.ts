/** Why a record became a dead letter, in the order in which it is checked: a record with several faults has the first. */
export const REASONS = [
  'EMPTY_VALUE',
  'TOO_LARGE',
  'INVALID_UTF8',
  'INVALID_JSON',
  'INVALID_ENVELOPE',
  'UNKNOWN_TYPE',
  'UNSUPPORTED_VERSION',
  'INVALID_PAYLOAD',
  'INVALID_TEXT',
  'KEY_MISMATCH',
  'OCCURRED_IN_FUTURE',
  // From here on the event itself is sound: the order store or an operator refuses it.
  'ID_CONFLICT',
  'EMAIL_TAKEN',
  'MISSING_REFERENCE',
  'ROW_REJECTED',
  'QUARANTINED',
] as const;

export type Reason = (typeof REASONS)[number];
