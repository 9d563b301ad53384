import { NAMES, type Name, type Settings, VARIABLES, type Variable } from './variables.ts';

/** Names and texts as the process was given them. Blank means not set: orchestrators pass empty variables on. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One mistake: `problem` says what the variable must be. */
export interface Problem {
  readonly name: string;
  readonly problem: string;
}

/** Gives a file's text, or throws. */
export type ReadFile = (path: string) => string;

export interface ReadSettings {
  readonly settings: Settings;
  readonly problems: readonly Problem[];
  /** Settings that have their default because what was given is a problem. */
  readonly wrong: ReadonlySet<Name>;
}

/** Reads every setting by itself. */
export function readSettings(env: Environment, readFile: ReadFile): ReadSettings {
  const problems: Problem[] = [];
  const wrong = new Set<Name>();
  const values = NAMES.map((name) => {
    const variable: Variable<unknown> = VARIABLES[name];
    const found = readVariable(name, variable, { env, readFile });
    if ('value' in found) return [name, found.value];
    problems.push(found);
    wrong.add(name);
    return [name, defaultOf(variable)];
  });
  return { settings: Object.fromEntries(values) as Settings, problems, wrong };
}

interface Source {
  readonly env: Environment;
  readonly readFile: ReadFile;
}

type Found = { readonly value: unknown } | Problem;

function readVariable(name: Name, variable: Variable<unknown>, { env, readFile }: Source): Found {
  const fileName = fileOf(name, variable);
  const path = fileName === null ? null : givenText(env, fileName);
  if (fileName === null || path === null) return parsed(name, variable, givenText(env, name));
  if (fileName !== name && givenText(env, name) !== null) {
    return { name, problem: `must not be set together with ${fileName}` };
  }
  const content = contentOf(fileName, path, readFile);
  return 'problem' in content ? content : parsed(name, variable, content.text);
}

/** The variable that may name a file in place of the value. */
function fileOf(name: Name, { given }: Variable<unknown>): string | null {
  return given === 'file' ? name : given === 'secret' ? `${name}_FILE` : null;
}

function contentOf(name: string, path: string, readFile: ReadFile): { text: string } | Problem {
  try {
    const text = readFile(path).replace(/\r?\n$/, '');
    return text === '' ? { name, problem: `names an empty file: ${path}` } : { text };
  } catch (error) {
    return { name, problem: `names a file that cannot be read: ${path} (${(error as NodeJS.ErrnoException).code})` };
  }
}

function parsed(name: Name, variable: Variable<unknown>, given: string | null): Found {
  if (given === null) return { value: defaultOf(variable) };
  const value = variable.format.parse(given);
  if (value !== undefined) return { value };
  const quote = variable.given === 'plain' ? `, not "${given.slice(0, 60)}"` : '';
  return { name, problem: `must be ${variable.format.mustBe}${quote}` };
}

function defaultOf({ format, byDefault }: Variable<unknown>): unknown {
  return byDefault === null ? null : format.parse(byDefault);
}

/** The text of a variable, null if it is not set or blank. */
export function givenText(env: Environment, name: string): string | null {
  const value = env[name]?.trim();
  return value === undefined || value === '' ? null : value;
}
