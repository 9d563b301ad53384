import { ConfigError } from '../config.ts';
import { PipelineError } from '../errors.ts';
import { MoveRefused } from '../pipeline/move-positions.ts';

/** Flags or arguments that cannot be understood: exit 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/**
 * Runs a command with this process's arguments. Messages go to stderr in one line; the exit code is 2 for flags that
 * cannot be understood, 1 for anything else that fails.
 */
export async function runCommand(name: string, run: (args: string[]) => Promise<unknown>): Promise<void> {
  try {
    await run(process.argv.slice(2));
  } catch (error) {
    process.exitCode = isUsage(error) ? 2 : 1;
    process.stderr.write(`${name}: ${messageOf(error)}\n`);
    if (isUsage(error)) process.stderr.write(`See: npm run ${name} -- --help\n`);
  }
}

/** parseArgs throws TypeErrors with codes of its own. */
function isUsage(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return error instanceof UsageError || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS'));
}

/** What a person can act on; a bug keeps its stack, for whoever will mend it. */
export function messageOf(error: unknown): string {
  if (error instanceof ConfigError || error instanceof UsageError || error instanceof MoveRefused) return error.message;
  if (error instanceof PipelineError) return `${error.message} (${error.code})`;
  if (isUsage(error)) return (error as Error).message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
