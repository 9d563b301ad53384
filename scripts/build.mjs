// Compiles src to dist, or to the folder given, and copies what the compiler leaves out: the .sql and .lua files
// that modules read beside themselves.
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src');
const target = resolve(process.argv[2] ?? join(root, 'dist'));

rmSync(target, { recursive: true, force: true });
const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace(/package\.json$/, 'bin/tsc');
const project = join(root, 'tsconfig.build.json');
// What the compiler finds wrong goes to stderr, beside the error that it leads to.
execFileSync(process.execPath, [tsc, '-p', project, '--outDir', target], { stdio: ['ignore', 2, 2], cwd: root });

for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
  if (/\.(sql|lua)$/.test(file)) cpSync(join(source, file), join(target, file));
}
