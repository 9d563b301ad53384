import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { PipelineError } from '../errors.ts';
import { SERVER_LIMITS, type ServerLimits } from './limits.ts';
import { type ProblemStatus, problem, problemHeaders } from './problem.ts';

export interface HttpServer {
  /** The port that was asked for, or the free one that was found for 0. */
  readonly port: number;
  /**
   * Accepts nothing more, closes idle connections at once, lets requests under way finish and cuts them off after
   * `deadlineMs`. Called twice it is the same promise.
   */
  stop(how: { deadlineMs: number }): Promise<void>;
}

export interface Listen {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly limits?: ServerLimits;
}

/** Whatever answers requests: a Hono app, say. */
export interface RequestHandler {
  fetch(request: Request): Response | Promise<Response>;
}

/** Resolves when it listens. Rejects with a defect PORT_IN_USE or LISTEN_FAILED. */
export async function serve(app: RequestHandler, { host, port, limits = SERVER_LIMITS }: Listen): Promise<HttpServer> {
  const server = createLimitedServer(app, limits);
  const connections = trackConnections(server);
  await listen(server, host, port);
  let stopped: Promise<void> | null = null;
  return {
    port: (server.address() as AddressInfo).port,
    stop: ({ deadlineMs }) => {
      stopped ??= stopServer(server, connections, deadlineMs);
      return stopped;
    },
  };
}

/** Node's defaults leave a slow sender five minutes per request and any number of connections. */
function createLimitedServer(app: RequestHandler, limits: ServerLimits): Server {
  const options = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.receiveMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkEveryMs,
    maxHeaderSize: limits.headerBytes,
    // The listener refuses a missing Host as well, and with a problem document.
    requireHostHeader: false,
  };
  const listener = getRequestListener((request) => app.fetch(request), {
    errorHandler: refuseRequest,
    overrideGlobalObjects: false,
  });
  const server = createServer(options, (request, response) => void listener(request, response));
  server.maxConnections = limits.connections;
  server.on('clientError', answerClientError);
  return server;
}

/** What the listener itself cannot make a request of: no Host, a malformed target. */
function refuseRequest(): Response {
  const body = JSON.stringify(problem(400, 'The request line or the Host header is not valid.'));
  return new Response(body, { status: 400, headers: problemHeaders(400) });
}

const CLIENT_ERRORS: Readonly<Record<string, [ProblemStatus, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: [431, 'The headers of the request are too large.'],
};

/** What Node's parser gives up on has no response object: the answer is written by hand. */
function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, detail] = CLIENT_ERRORS[error.code ?? ''] ?? [400, 'This is not HTTP.'];
  const { title, ...rest } = problem(status, detail);
  const body = JSON.stringify({ title, ...rest });
  const headers = Object.entries({ ...problemHeaders(status), 'content-length': `${Buffer.byteLength(body)}` });
  const lines = [`HTTP/1.1 ${status} ${title}`, 'connection: close', ...headers.map((pair) => pair.join(': '))];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: Error & { code?: string }) => reject(listenError(error, host, port)));
    server.listen({ host, port }, resolve);
  });
}

function listenError(error: Error & { code?: string }, host: string, port: number): PipelineError {
  if (error.code === 'EADDRINUSE') {
    const message = `Port ${port} of ${host} is in use. Stop what listens there, or set HTTP_PORT to another port.`;
    return new PipelineError('defect', 'PORT_IN_USE', message, error);
  }
  const message = `Cannot listen on ${host} port ${port} (${error.code}). Check HTTP_HOST and HTTP_PORT.`;
  return new PipelineError('defect', 'LISTEN_FAILED', message, error);
}

/** The open connections, and those among them that wait for an answer. */
interface Connections {
  readonly open: ReadonlySet<Socket>;
  isBusy(socket: Socket): boolean;
}

/**
 * Node's closeIdleConnections is not enough: it leaves connections that have not asked for anything yet, which browsers
 * open in advance, and they would hold up a stop until its deadline.
 */
function trackConnections(server: Server): Connections {
  const open = new Set<Socket>();
  const underWay = new Map<ServerResponse, Socket>();
  const isBusy = (socket: Socket) => [...underWay.values()].includes(socket);
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  // Before the listener: it may answer at once.
  server.prependListener('request', ({ socket }, response) => {
    underWay.set(response, socket);
    response.once('close', () => {
      underWay.delete(response);
      if (!server.listening && !isBusy(socket)) socket.destroySoon();
    });
  });
  return { open, isBusy };
}

async function stopServer(server: Server, connections: Connections, deadlineMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of connections.open) if (!connections.isBusy(socket)) socket.destroy();
  const cutOff = setTimeout(() => server.closeAllConnections(), deadlineMs);
  await closed;
  clearTimeout(cutOff);
}
