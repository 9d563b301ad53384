import { isLoopback } from './checks.ts';
import { type Environment, givenText } from './read-settings.ts';
import { KNOWN_NAMES, NAMES, type Name, type Settings, VARIABLES } from './variables.ts';

/** What may be a mistake and may be meant, one sentence each. Values are not quoted: they may be secrets. */
export function warningsOf(env: Environment, settings: Settings): string[] {
  return [...unknownNames(env).map(unknownName), ...withoutEffect(env, settings), ...exposures(settings)];
}

const OUR_PREFIXES = /^(KAFKA|SQLSERVER|POSTGRES|REDIS)_/;

function unknownNames(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => OUR_PREFIXES.test(name) && !KNOWN_NAMES.includes(name))
    .sort();
}

function unknownName(name: string): string {
  const nearest = nearestName(name, KNOWN_NAMES);
  return `${name} is not a setting of this service${nearest === null ? '' : `; did you mean ${nearest}?`}`;
}

/** Settings of a part that is not used. Defaults written out are no mistake. */
function withoutEffect(env: Environment, settings: Settings): string[] {
  return NAMES.flatMap((name) => {
    const part = partOf(name);
    if (part === null || settings[part] !== null || !isChanged(env, name)) return [];
    return [`${name} has no effect without ${part}`];
  });
}

/** The setting that a part of the service is chosen by. */
function partOf(name: Name): 'KAFKA_BROKERS' | 'SQLSERVER_HOST' | 'REDIS_URL' | null {
  // The embedded log has a topic and partitions too.
  if (name === 'KAFKA_TOPIC' || name === 'KAFKA_PARTITIONS') return null;
  if (name.startsWith('KAFKA_')) return 'KAFKA_BROKERS';
  if (name.startsWith('SQLSERVER_')) return 'SQLSERVER_HOST';
  return name === 'DLQ_PREFIX' ? 'REDIS_URL' : null;
}

function isChanged(env: Environment, name: Name): boolean {
  const { given, byDefault } = VARIABLES[name];
  const text = givenText(env, name) ?? (given === 'secret' ? givenText(env, `${name}_FILE`) : null);
  return text !== null && text !== byDefault;
}

function exposures(settings: Settings): string[] {
  const warnings: string[] = [];
  if (!isLoopback(settings.HTTP_HOST) && settings.READ_TOKEN === null) {
    warnings.push(`without READ_TOKEN whoever reaches ${settings.HTTP_HOST} reads orders, users and dead letters`);
  }
  if (settings.KAFKA_SASL_MECHANISM === 'plain' && !settings.KAFKA_SSL) {
    warnings.push('KAFKA_SASL_MECHANISM=plain without KAFKA_SSL=true sends the password readable to anybody between');
  }
  return warnings;
}

/** The known name that takes the fewest edits, null if none takes less than about a third of the name. */
export function nearestName(name: string, known: readonly string[]): string | null {
  const [nearest] = known
    .map((candidate) => ({ candidate, edits: editDistance(name, candidate) }))
    .filter(({ edits }) => edits <= Math.ceil(name.length / 3))
    .sort((a, b) => a.edits - b.edits);
  return nearest?.candidate ?? null;
}

/** Levenshtein's: letters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (const [i, letter] of [...a].entries()) {
    const row = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const replaced = (previous[j] ?? 0) + (letter === b[j] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
