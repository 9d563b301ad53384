import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkEvent, EVENT_TYPES, exampleEvent, newEventSchema, withIdentity } from '../../src/events/index.ts';
import { LIMITS, NOW } from './fixtures.ts';

const IDENTITY = { eventId: 'filled-in', occurredAt: '2026-11-20T00:00:00.000Z' };

describe.each(EVENT_TYPES)('a posted %s', (eventType) => {
  const { eventId, occurredAt, ...rest } = exampleEvent(eventType);

  it('has both id and time, or neither', () => {
    expect(newEventSchema.safeParse({ ...rest, eventId, occurredAt }).success).toBe(true);
    expect(newEventSchema.safeParse(rest).success).toBe(true);
    expect(newEventSchema.safeParse({ ...rest, eventId }).success).toBe(false);
    expect(newEventSchema.safeParse({ ...rest, occurredAt }).success).toBe(false);
  });

  it('is valid once both are filled in, and is not with one of them', () => {
    expect(checkEvent(withIdentity(rest, IDENTITY), LIMITS, NOW)).toMatchObject({ ok: true, event: IDENTITY });
    expect(checkEvent(withIdentity({ ...rest, eventId }, IDENTITY), LIMITS, NOW)).toMatchObject({
      problems: [{ path: 'occurredAt', reason: 'INVALID_ENVELOPE' }],
    });
    expect(checkEvent(withIdentity({ ...rest, occurredAt }, IDENTITY), LIMITS, NOW)).toMatchObject({
      problems: [{ path: 'eventId', reason: 'INVALID_ENVELOPE' }],
    });
  });

  it('keeps the id and time it came with', () => {
    const whole = exampleEvent(eventType);
    expect(withIdentity(whole, IDENTITY)).toBe(whole);
  });
});

describe('the schema of a posted event', () => {
  it('can be written as JSON Schema, with one branch per type, limits and examples', () => {
    const schema = JSON.stringify(z.toJSONSchema(newEventSchema, { io: 'input' }));
    for (const eventType of EVENT_TYPES) expect(schema).toContain(`"const":"${eventType}"`);
    expect(schema).toContain('"maxItems":500');
    expect(schema).toContain('"format":"date-time"');
    expect(schema).toContain('"examples"');
    expect(JSON.parse(schema).oneOf[0].required).toEqual(['eventType', 'payload']);
  });
});
