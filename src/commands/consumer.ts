import { type Config, loadConfig, readEnvironment } from '../config.ts';
import { exampleEvent } from '../events/index.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { type Service, startService } from '../service.ts';
import { messageOf } from './run-command.ts';

const EXIT_CODES = { SIGTERM: 143, SIGINT: 130 } as const;
type EndSignal = keyof typeof EXIT_CODES;

/** Ctrl-C under npm arrives twice, from the terminal and passed on by npm. */
const SAME_KEY_PRESS_MS = 500;

/** Starts the service and lives until a signal, or until a part of it never will work again. */
async function main(): Promise<void> {
  const config = loadConfig(readEnvironment());
  const logger = createLogger(config);
  for (const warning of config.warnings) logger.warn(warning);
  let service: Service | null = null;
  endOnSignals((signal) => {
    // Nothing to finish yet. Said out loud because process 1 of a container would ignore the signal.
    if (service === null) process.exit(EXIT_CODES[signal]);
    logger.info({ signal }, 'stopping');
    stopInTime(service, config, logger);
  });
  service = await startService(config, logger);
  process.stderr.write(greeting(service, config));
  logger.info({ ...service.uses, port: service.port }, 'started');
  await service.ended;
}

/** The first signal ends the service in order, a second one at once. */
function endOnSignals(end: (signal: EndSignal) => void): void {
  let endingSince: number | null = null;
  const handle = (signal: EndSignal): void => {
    const now = performance.now();
    if (endingSince !== null && now - endingSince > SAME_KEY_PRESS_MS) process.exit(EXIT_CODES[signal]);
    if (endingSince !== null) return;
    endingSince = now;
    end(signal);
  };
  process.on('SIGTERM', () => handle('SIGTERM'));
  process.on('SIGINT', () => handle('SIGINT'));
}

/** Exits with 0, or with 1 if stopping fails or takes longer than the deadline. */
function stopInTime(service: Service, { shutdownDeadlineMs }: Config, logger: Logger): void {
  setTimeout(() => {
    logger.error({ deadlineMs: shutdownDeadlineMs }, 'not stopped in time');
    process.exit(1);
  }, shutdownDeadlineMs).unref();
  service.stop().then(
    () => {
      logger.info('stopped');
      process.exit(0);
    },
    (error: unknown) => {
      logger.error(error, 'stopping failed');
      process.exit(1);
    },
  );
}

/** For the person who started it; on stderr, because stdout is the log. */
function greeting({ uses, port }: Service, { http }: Config): string {
  const host = http.host.includes(':') ? `[${http.host}]` : http.host;
  const address = `http://${host === '0.0.0.0' || host === '[::]' ? '127.0.0.1' : host}:${port}`;
  const token = http.adminToken === null ? '' : ' -H "authorization: Bearer $ADMIN_TOKEN"';
  const { eventType, payload } = exampleEvent('UserCreated');
  const body = JSON.stringify({ eventType, payload });
  return `order-pipeline
  event log           ${uses.eventLog}
  order store         ${uses.orderStore}
  dead-letter mirror  ${uses.deadLetterMirror}
  listening on        ${address}, reference at ${address}/docs

Try it:
  curl -s ${address}/events -H 'content-type: application/json'${token} -d '${body}'

`;
}

main().catch((error: unknown) => {
  process.stderr.write(`order-pipeline: ${messageOf(error)}\n`);
  process.exit(1);
});
