export type Headers = readonly (readonly [name: string, value: Uint8Array])[];

/** W3C Trace Context: version ff and ids of zeros only are invalid, and an invalid header is to be ignored. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;
const TRACEPARENT_BYTES = 55;

/** The record's first valid `traceparent` header, null if it has none. */
export function traceparentOf(headers: Headers): string | null {
  for (const [name, value] of headers) {
    if (name !== 'traceparent' || value.length !== TRACEPARENT_BYTES) continue;
    const text = String.fromCharCode(...value);
    if (TRACEPARENT.test(text)) return text;
  }
  return null;
}
