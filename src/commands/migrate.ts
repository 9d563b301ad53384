import { loadConfig, readEnvironment } from '../config.ts';
import { migrateStore } from '../wire.ts';
import { runCommand, UsageError } from './run-command.ts';

const HELP = `Brings the database of the configured server to this build's version. Safe to run again, and from several
places at once. The embedded store does this by itself at every start.

Usage: POSTGRES_URL=postgres://owner@host/orders npm run migrate`;

await runCommand('migrate', async ([argument]) => {
  if (argument === '--help' || argument === '-h') return process.stdout.write(`${HELP}\n`);
  if (argument !== undefined) throw new UsageError(`unexpected argument ${argument}`);
  const { from, to } = await migrateStore(loadConfig(readEnvironment()));
  return process.stdout.write(`the database was at version ${from} and is at version ${to}\n`);
});
