import type { BatchRecord } from '../batch.ts';
import type { Decoded } from '../events/index.ts';

/** Marks every event whose id occurs earlier in the batch with the index of the first, and whether the bodies agree. */
export function markTwins(contents: readonly Decoded[]): BatchRecord[] {
  const firsts = new Map<string, { index: number; bodyHash: string }>();
  return contents.map((content, index) => {
    if (content.kind !== 'event') return { content, twinOf: null, sameBody: true };
    const { eventId, bodyHash } = content.event;
    const first = firsts.get(eventId);
    if (first !== undefined) return { content, twinOf: first.index, sameBody: first.bodyHash === bodyHash };
    firsts.set(eventId, { index, bodyHash });
    return { content, twinOf: null, sameBody: true };
  });
}
