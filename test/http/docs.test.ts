import { expect, test } from 'vitest';
import { testApi } from './ports.ts';

const { api } = testApi();

test('everything the page loads is served from here, with its type', async () => {
  const page = await (await api.request('/docs')).text();
  const references = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '');
  expect(references).toHaveLength(4);
  for (const reference of references) {
    const response = await api.request(`/${reference}`);
    expect([reference, response.status]).toEqual([reference, 200]);
    expect(response.headers.get('content-type')).toMatch(/^(text\/(css|javascript)|image\/png)/);
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(100);
  }
});

test('the page may load nothing from elsewhere and run nothing inline', async () => {
  const response = await api.request('/docs');
  const policy = response.headers.get('content-security-policy') ?? '';
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'"]) expect(policy).toContain(part);
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  expect(await response.text()).not.toMatch(/<script>|<style>|https?:\/\//);
  expect(await (await api.request('/docs/start.js')).text()).toContain("url: 'openapi.json'");
});

test.each([
  'index.html',
  'package.json',
  '..%2Fpackage.json',
  '%2e%2e%2f%2e%2e%2fpackage.json',
  '__proto__',
  'toString',
])('the file %s is not served', async (file) => {
  expect((await api.request(`/docs/${file}`)).status).toBe(404);
});
