import { type Config, loadConfig, readEnvironment } from '../config.ts';
import { exampleEvent } from '../events/index.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { type Service, startService } from '../service.ts';
import { messageOf } from './run-command.ts';

/** Starts the service and lives until a signal, or until a part of it never will work again. */
async function main(): Promise<void> {
  const config = loadConfig(readEnvironment());
  const logger = createLogger(config);
  for (const warning of config.warnings) logger.warn(warning);
  const service = await startService(config, logger);
  stopOnSignals(service, config, logger);
  process.stderr.write(greeting(service, config));
  logger.info({ ...service.uses, port: service.port }, 'started');
  await service.ended;
}

/** The first signal ends the service in order; a second one, or the deadline, at once. */
function stopOnSignals(service: Service, config: Config, logger: Logger): void {
  let stopping = false;
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(code);
      stopping = true;
      logger.info({ signal }, 'stopping');
      setTimeout(() => {
        logger.error({ deadlineMs: config.shutdownDeadlineMs }, 'not stopped in time');
        process.exit(1);
      }, config.shutdownDeadlineMs).unref();
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
    });
  }
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
