import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What each part of src may import, beside itself. The first pattern that fits a file decides; inner parts come first. */
const PARTS: ReadonlyArray<{ name: string; files: RegExp; imports: readonly string[] }> = [
  { name: 'events', files: /^events\//, imports: [] },
  {
    name: 'ports',
    files: /^(batch|dead-letters|dead-letter-mirror|errors|event-log|order-store|reads|sql-connection)\.ts$/,
    imports: ['events'],
  },
  { name: 'pipeline', files: /^pipeline\//, imports: ['events', 'ports'] },
  { name: 'http', files: /^http\//, imports: ['events', 'ports', 'pipeline'] },
  { name: 'producer', files: /^producer\//, imports: ['events', 'ports', 'pipeline'] },
  // Types alone: what an adapter is told. Reading it from the environment is config's.
  { name: 'settings', files: /^config\/shape\.ts$/, imports: [] },
  { name: 'config', files: /^config(\.ts$|\/)/, imports: ['ports', 'settings'] },
  { name: 'observability', files: /^observability\//, imports: ['events', 'ports', 'pipeline', 'config', 'settings'] },
  { name: 'files', files: /^sql-file\.ts$/, imports: [] },
  { name: 'embedded database', files: /^(data-dir-lock\.ts$|embedded-database(\.ts$|\/))/, imports: ['ports'] },
  // Adapters of one port do not know those of another.
  { name: 'event-log adapters', files: /^event-log\//, imports: ['events', 'ports', 'files', 'settings'] },
  { name: 'order-store adapters', files: /^order-store\//, imports: ['events', 'ports', 'files', 'settings'] },
  { name: 'mirror adapters', files: /^dead-letter-mirror\//, imports: ['events', 'ports', 'files', 'settings'] },
  {
    name: 'composition',
    files: /^(wire|service|health|reach|version)\.ts$/,
    imports: [
      ...['events', 'ports', 'pipeline', 'http', 'producer', 'config', 'settings', 'observability'],
      ...['embedded database', 'event-log adapters', 'order-store adapters', 'mirror adapters'],
    ],
  },
  {
    name: 'commands',
    files: /^commands\//,
    imports: ['composition', 'events', 'ports', 'pipeline', 'http', 'producer', 'config', 'observability'],
  },
];

/** Where a package may be imported: whoever replaces it has one place to look at. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  pg: /^order-store\/postgres\//,
  '@electric-sql/pglite': /^embedded-database\//,
  kafkajs: /^event-log\/kafka(\.ts$|\/)/,
  mssql: /^order-store\/sqlserver\//,
  ioredis: /^dead-letter-mirror\/redis(\.ts$|\/)/,
  pino: /^observability\//,
  'prom-client': /^observability\//,
  hono: /^http\//,
  '@hono/zod-openapi': /^http\//,
  '@hono/node-server': /^http\//,
  'swagger-ui-dist': /^http\//,
};

/** In the pipeline time, chance and waiting are passed in, so that tests decide about them. */
const IMPURE = /\b(Date\.now|new Date\(\)|Math\.random|performance\.|setTimeout|setInterval|setImmediate|process\.)/g;
/** Waiting that can be cut short needs a timer of its own; nothing decides by it. */
const OWN_TIMERS = ['pipeline/every.ts', 'pipeline/wakeup.ts'];

/** Names that say nothing about what is inside. */
const EMPTY_NAMES = /^(utils?|helpers?|common|managers?|types|misc|shared)$/;
/** In src this says nothing either; elsewhere services are the servers that tests run on. */
const EMPTY_IN_SRC = /^services?$/;
/** The running service itself. */
const NAMED_ALL_THE_SAME = 'src/service.ts';

interface SourceFile {
  /** From src, with slashes. */
  readonly path: string;
  /** Without comments. */
  readonly code: string;
  /** Files of src, by path. */
  readonly imports: readonly string[];
  /** Packages by name, built-in modules with `node:`. */
  readonly packages: readonly string[];
}

const IMPORTS = /(?:\bfrom|\bimport|\bimport\(|\bnew URL\()\s*'([^']+)'/g;

function readSources(): SourceFile[] {
  return filesUnder('src', /\.(ts|mjs)$/).map((file) => {
    const path = file.slice('src/'.length);
    const code = withoutComments(readFileSync(join(ROOT, file), 'utf8'));
    const named = [...code.matchAll(IMPORTS)].map(([, name = '']) => name);
    const imports = named.filter((name) => name.startsWith('.')).map((name) => join(dirname(path), name));
    const packages = named.filter((name) => !name.startsWith('.')).map(packageOf);
    return { path, code, imports: imports.filter((name) => name.endsWith('.ts')), packages };
  });
}

function packageOf(name: string): string {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/');
}

/** Crude, but no text in this project looks like a comment after white space. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

function filesUnder(folder: string, names: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && names.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

function partOf(path: string): string {
  return PARTS.find(({ files }) => files.test(path))?.name ?? `no part of the table (${path})`;
}

function mayImport(part: string): ReadonlySet<string> {
  return new Set([part, ...(PARTS.find(({ name }) => name === part)?.imports ?? [])]);
}

/** One way round, as text; null if there is none. */
function findCycle(sources: readonly SourceFile[]): string | null {
  const imports = new Map(sources.map((source) => [source.path, source.imports]));
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): string | null => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path].join(' -> ');
    if (done.has(path)) return null;
    for (const next of imports.get(path) ?? []) {
      const cycle = visit(next, [...way, path]);
      if (cycle !== null) return cycle;
    }
    done.add(path);
    return null;
  };
  for (const { path } of sources) {
    const cycle = visit(path, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

const sources = readSources();

describe('the parts of src', () => {
  test('are all read, with what they import', () => {
    const known = new Set(sources.map(({ path }) => path));
    expect(
      sources.flatMap(({ path, imports }) => imports.filter((name) => !known.has(name)).map((name) => [path, name])),
    ).toEqual([]);
    expect(sources.find(({ path }) => path === 'commands/consumer.ts')?.imports).toContain('service.ts');
    expect(sources.find(({ path }) => path === 'http/publish.ts')?.packages).toContain('@hono/zod-openapi');
  });

  test('import only what lies further inside', () => {
    const wrong = sources.flatMap(({ path, imports }) => {
      const allowed = mayImport(partOf(path));
      return imports
        .filter((name) => !allowed.has(partOf(name)))
        .map((name) => `${path} (${partOf(path)}) imports ${name} (${partOf(name)})`);
    });
    expect(wrong).toEqual([]);
  });

  test('import each other in no circle', () => {
    expect(findCycle(sources)).toBeNull();
  });

  test('import a driver in one place each', () => {
    const wrong = sources.flatMap(({ path, packages }) =>
      packages.filter((name) => PACKAGES[name]?.test(path) === false).map((name) => `${path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
    for (const name of ['pg', '@electric-sql/pglite']) {
      expect(
        sources.some(({ packages }) => packages.includes(name)),
        name,
      ).toBe(true);
    }
  });

  test('name built-in modules with node:', () => {
    const bare = sources.flatMap(({ path, packages }) =>
      packages.filter((name) => builtinModules.includes(name)).map((name) => `${path} imports ${name}`),
    );
    expect(bare).toEqual([]);
  });

  test('read the environment in config only', () => {
    const readers = sources.filter(({ code }) => /\bprocess\.env\b/.test(code)).map(({ path }) => path);
    expect(readers.map(partOf)).toEqual(readers.map(() => 'config'));
    expect(readers).toContain('config.ts');
  });
});

test('the pipeline knows no clock, chance, timer, process or package but what is passed in', () => {
  const pipeline = sources.filter(({ path }) => partOf(path) === 'pipeline');
  const impure = pipeline.flatMap(({ path, code }) =>
    [...code.matchAll(IMPURE)]
      .filter(([word]) => !(word === 'setTimeout' && OWN_TIMERS.includes(path)))
      .map(([word]) => `${path}: ${word}`),
  );
  expect(impure).toEqual([]);
  expect(pipeline.flatMap(({ path, packages }) => packages.map((name) => `${path} imports ${name}`))).toEqual([]);
});

describe('the files of the project', () => {
  const all = ['src', 'test', 'bench', 'scripts'].flatMap((folder) => filesUnder(folder, /./));

  test('have names that say what is inside', () => {
    const isEmpty = (file: string) => (name: string) =>
      EMPTY_NAMES.test(name) || (file.startsWith('src/') && EMPTY_IN_SRC.test(name));
    const empty = all.filter((file) =>
      file
        .replace(/\.\w+$/, '')
        .split('/')
        .some(isEmpty(file)),
    );
    expect(empty).toEqual([NAMED_ALL_THE_SAME]);
  });

  test('replace no module by a mock', () => {
    const mocking = /\bvi\s*\.\s*(do)?mock\s*\(/i;
    expect(all.filter((file) => mocking.test(readFileSync(join(ROOT, file), 'utf8')))).toEqual([]);
  });

  test('name no folder of one machine', () => {
    const top = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== '.env');
    const machine = /(?<![\w.~-])\/(?:work|home|root|Users)\/[\w.]+/;
    const found = [...all, ...filesUnder('.ci', /./), ...top.map(({ name }) => name)].flatMap((file) => {
      const [path] = machine.exec(readFileSync(join(ROOT, file), 'utf8')) ?? [];
      return path === undefined ? [] : [`${file}: ${path}`];
    });
    expect(found).toEqual([]);
  });
});
