import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { loadConfig, readEnvironment } from '../config.ts';
import { parseInstant } from '../events/index.ts';
import {
  type Move,
  movePositions,
  type PositionReport,
  showPositions,
  type Target,
} from '../pipeline/move-positions.ts';
import { reachWithin } from '../reach.ts';
import { openAdapters } from '../wire.ts';
import { runCommand, UsageError } from './run-command.ts';

const HELP = `Where the log is read from, kept in the order store. Kafka's own offset reset has no effect.

Usage: npm run positions -- show [--json]
       npm run positions -- set --partition N --offset N --note TEXT [--dry-run] [--json]
       npm run positions -- reset --to earliest|latest|TIME [--partition N] --note TEXT [--dry-run] [--json]
       npm run positions -- reset --new-log [--to earliest|latest] --note TEXT [--dry-run] [--json]

  --to TIME    RFC 3339: the first record that is not older
  --new-log    the topic was deleted and begun again: its records are new, whatever their numbers
  --note       why; kept in position_changes with the old and the new position
  --actor      who; default: the name of the user that runs this
  --dry-run    show what would change

Examples:
  npm run positions -- show
  npm run positions -- reset --to 2026-11-20T10:00:00Z --note "replay after the fix of order totals"

The embedded store can only be changed while the service is stopped.`;

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  'new-log': { type: 'boolean' },
  partition: { type: 'string' },
  offset: { type: 'string' },
  to: { type: 'string' },
  note: { type: 'string' },
  actor: { type: 'string' },
} as const;

type Options = ReturnType<typeof parse>['values'];

await runCommand('positions', async (args) => {
  const { values, positionals } = parse(args);
  if (values.help === true) return process.stdout.write(`${HELP}\n`);
  const action = actionOf(positionals, values);
  const adapters = await openAdapters(loadConfig(readEnvironment()), {
    now: Date.now,
    // Whoever runs this sees the error and tries again.
    reach: reachWithin({ timeoutMs: 0, now: Date.now, sleep: () => Promise.resolve(), waiting: () => {} }),
    idleError: () => {},
  });
  try {
    return process.stdout.write(await action({ eventLog: adapters.log, sink: adapters.store.sink }));
  } finally {
    await adapters.close();
  }
});

function parse(args: string[]) {
  return parseArgs({ args, options: OPTIONS, allowPositionals: true });
}

type Parts = Parameters<typeof showPositions>[0];

/** Everything that can be wrong with the flags is found before anything is opened. */
function actionOf(positionals: readonly string[], values: Options): (parts: Parts) => Promise<string> {
  const json = values.json === true;
  const [verb, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`unexpected argument ${more[0]}`);
  if (verb === 'show') return async (parts) => printReport(await showPositions(parts), json);
  if (verb !== 'set' && verb !== 'reset') throw new UsageError('say what to do: show, set or reset');
  const request = {
    target: verb === 'set' ? setTarget(values) : resetTarget(values),
    partition: values.partition === undefined ? null : wholeNumber('--partition', values.partition),
    newLog: values['new-log'] === true,
    dryRun: values['dry-run'] === true,
  };
  if (verb === 'set' && request.newLog) throw new UsageError('--new-log goes with reset');
  const note = values.note ?? '';
  if (note === '') throw new UsageError('--note is needed: say why');
  const by = { actor: values.actor ?? userInfo().username, note };
  return async (parts) => printMoves(await movePositions(parts, request, by), request.dryRun, json);
}

function setTarget({ partition, offset }: Options): Target {
  if (partition === undefined || offset === undefined) throw new UsageError('set needs --partition and --offset');
  return { to: 'offset', offset: BigInt(wholeNumber('--offset', offset)) };
}

function resetTarget({ to, 'new-log': newLog }: Options): Target {
  if (to === undefined && newLog === true) return { to: 'earliest' };
  if (to === 'earliest' || to === 'latest') return { to };
  const timestamp = to === undefined ? null : parseInstant(to);
  if (timestamp === null || typeof timestamp !== 'number') {
    throw new UsageError('reset needs --to earliest, --to latest or --to TIME (such as 2026-11-20T10:00:00Z)');
  }
  return { to: 'time', timestamp };
}

function wholeNumber(flag: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`${flag} must be a whole number, not ${text}`);
  return Number(text);
}

function printReport({ log, partitions }: PositionReport, json: boolean): string {
  const rows = partitions.map(({ position, watermarks: w }) => ({
    partition: w.partition,
    position: position?.nextOffset.toString() ?? null,
    start: w.start.toString(),
    end: w.end.toString(),
    lag: position === null ? null : (w.end - position.nextOffset).toString(),
    quarantine: position?.quarantineOffset?.toString() ?? null,
  }));
  if (json) return `${JSON.stringify({ topic: log.topic, logNo: log.logNo, partitions: rows })}\n`;
  return `${log.topic}, log ${log.logNo}\n${table(rows)}`;
}

function printMoves(moves: readonly Move[], dryRun: boolean, json: boolean): string {
  const rows = moves.map(({ partition, from, to, start, end }) => ({
    partition,
    from: from?.toString() ?? null,
    to: to.toString(),
    start: start.toString(),
    end: end.toString(),
  }));
  if (json) return `${JSON.stringify({ dryRun, partitions: rows })}\n`;
  return `${dryRun ? 'would change (dry run)' : 'changed'}\n${table(rows)}`;
}

function table(rows: ReadonlyArray<Readonly<Record<string, string | number | null>>>): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => names.map((name) => `${row[name] ?? '-'}`))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const print = (line: string[]) => line.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ');
  return `${lines.map(print).join('\n')}\n`;
}
