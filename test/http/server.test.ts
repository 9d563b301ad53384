import { Agent, get } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { SERVER_LIMITS } from '../../src/http/limits.ts';
import { type HttpServer, type RequestHandler, serve } from '../../src/http/server.ts';

const HOST = '127.0.0.1';
const limits = { ...SERVER_LIMITS, headersMs: 100, receiveMs: 200, checkEveryMs: 20 };
const ok: RequestHandler = { fetch: () => new Response('ok') };
const started: HttpServer[] = [];

async function start(app: RequestHandler = ok, port = 0, given = SERVER_LIMITS): Promise<HttpServer> {
  const server = await serve(app, { host: HOST, port, limits: given });
  started.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop({ deadlineMs: 0 })));
});

/** A promise to be settled from outside. */
function signal() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** What the server sends on a connection until it ends it. */
async function talk(server: HttpServer, ...sent: string[]): Promise<string> {
  const socket = connect(server.port, HOST);
  for (const text of sent) socket.write(text);
  return received(socket);
}

async function received(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

function expectProblem(answer: string, status: number): void {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head.toLowerCase()).toContain('content-type: application/problem+json');
  expect(JSON.parse(body)).toMatchObject({ status, detail: expect.any(String) });
}

describe('listening', () => {
  test('port 0 finds a free port and answers there', async () => {
    const server = await start();
    expect(await (await fetch(`http://${HOST}:${server.port}/`)).text()).toBe('ok');
  });

  test('a port in use is a defect that names it and says what to do', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, HOST, resolve));
    const { port } = other.address() as AddressInfo;
    await expect(start(ok, port)).rejects.toMatchObject({
      kind: 'defect',
      code: 'PORT_IN_USE',
      message: expect.stringMatching(new RegExp(`${port}.*HTTP_PORT`)),
    });
    other.close();
  });

  test('a host that is not of this machine is a defect', async () => {
    await expect(serve(ok, { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      kind: 'defect',
      code: 'LISTEN_FAILED',
    });
  });
});

describe('what cannot become a request', () => {
  test('headers that come too slowly are a 408', async () => {
    expectProblem(await talk(await start(ok, 0, limits), 'GET / HTTP/1.1\r\nHost: localhost\r\nX-'), 408);
  });

  test('a body that comes too slowly ends the connection', async () => {
    const reading: RequestHandler = { fetch: async (request) => new Response(await request.text()) };
    const server = await start(reading, 0, limits);
    const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n';
    const answer = await talk(server, head, '123');
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  test('headers that are too large are a 431', async () => {
    expectProblem(
      await talk(await start(), `GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ${'x'.repeat(20_000)}\r\n\r\n`),
      431,
    );
  });

  test('what is not HTTP is a 400', async () => {
    expectProblem(await talk(await start(), 'hello\r\n\r\n'), 400);
  });

  test.each([
    ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['an invalid Host', 'GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n'],
    ['a backslash in the path', 'GET /\\x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
  ])('%s is a 400', async (_what, request) => {
    expectProblem(await talk(await start(), request), 400);
  });

  test('connections beyond the limit are closed', async () => {
    const server = await start(ok, 0, { ...SERVER_LIMITS, connections: 1 });
    const first = connect(server.port, HOST);
    await new Promise((resolve) => first.once('connect', resolve));
    expect(await talk(server)).toBe('');
    first.destroy();
  });
});

describe('stopping', () => {
  /** Nothing here may end because a connection was idle for long enough. */
  const patient = { ...SERVER_LIMITS, keepAliveMs: 600_000, headersMs: 600_000, receiveMs: 600_000 };

  /** A request that is answered only when told to, on a connection that would be kept alive. */
  async function requestUnderWay() {
    const [begun, answer] = [signal(), signal()];
    const app: RequestHandler = {
      fetch: async () => {
        begun.resolve();
        await answer.promise;
        return new Response('done');
      },
    };
    const server = await start(app, 0, patient);
    const agent = new Agent({ keepAlive: true });
    const outcome = new Promise<string>((resolve) => {
      const request = get({ host: HOST, port: server.port, agent }, (response) => {
        response.setEncoding('utf8').once('data', (body: string) => resolve(`${response.statusCode} ${body}`));
      });
      request.once('error', () => resolve('cut off'));
    });
    await begun.promise;
    return { server, outcome, answer, agent };
  }

  test('lets a request under way finish, although its connection would be kept', async () => {
    const { server, outcome, answer, agent } = await requestUnderWay();
    let stopped = false;
    const stop = server.stop({ deadlineMs: 60_000 }).then(() => {
      stopped = true;
    });
    await expect(fetch(`http://${HOST}:${server.port}/`)).rejects.toThrow();
    expect(stopped).toBe(false);
    answer.resolve();
    expect(await outcome).toBe('200 done');
    await stop;
    agent.destroy();
  });

  test('closes idle connections at once', async () => {
    const server = await start(ok, 0, patient);
    const socket = connect(server.port, HOST);
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    const ended = received(socket);
    await server.stop({ deadlineMs: 60_000 });
    await ended;
  });

  test('closes a connection that never asked for anything', async () => {
    const server = await start(ok, 0, patient);
    const socket = connect(server.port, HOST);
    await new Promise((resolve) => socket.once('connect', resolve));
    const ended = received(socket);
    await server.stop({ deadlineMs: 60_000 });
    expect(await ended).toBe('');
  });

  test('cuts off what is not done by the deadline', async () => {
    const { server, outcome, agent } = await requestUnderWay();
    await server.stop({ deadlineMs: 20 });
    expect(await outcome).toBe('cut off');
    agent.destroy();
  });

  test('twice is the same', async () => {
    const server = await start();
    expect(server.stop({ deadlineMs: 0 })).toBe(server.stop({ deadlineMs: 0 }));
  });
});
