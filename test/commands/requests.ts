import { expect } from 'vitest';
import type { EventJson } from '../support/model-event.ts';

/** Gives the ids that the service acknowledged. */
export async function post(url: string, events: readonly EventJson[]): Promise<readonly string[]> {
  const response = await fetch(`${url}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(events),
  });
  const body = await response.text();
  expect(response.status, body).toBe(202);
  const { events: acknowledged } = JSON.parse(body) as { events: ReadonlyArray<{ eventId: string }> };
  return acknowledged.map(({ eventId }) => eventId);
}

/** The status and the body of a GET. */
export async function get<T>(address: string): Promise<{ status: number; body: T }> {
  const response = await fetch(address);
  return { status: response.status, body: (await response.json()) as T };
}

/** 0 for an article that nobody has heard of. */
export async function quantityOf(url: string, sku: string): Promise<number> {
  const { status, body } = await get<{ quantity: number }>(`${url}/inventory/${sku}`);
  return status === 404 ? 0 : body.quantity;
}
