// A process of its own for tests that kill it: takes a data directory, and inserts rows if told to.
import { lockDataDir } from '../../src/data-dir-lock.ts';
import { openEmbeddedDatabase } from '../../src/embedded-database.ts';
import { classifyPostgresError } from '../../src/order-store/postgres/errors.ts';

const [task, dataDir = ''] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (task === 'lock') {
  await lockDataDir(dataDir);
  say('locked');
  // The lock alone does not keep a process alive.
  setInterval(() => undefined, 1_000);
} else {
  const database = await openEmbeddedDatabase({ dataDir, classify: classifyPostgresError });
  await database.script('create table if not exists acknowledged (n integer primary key, filler text)');
  const [last] = await database.query<{ n: number }>('select coalesce(max(n), 0) as n from acknowledged');
  for (let n = (last?.n ?? 0) + 1; ; n += 1) {
    await database.query(`insert into acknowledged values ($1::integer, repeat('x', 500))`, [n]);
    say(String(n));
  }
}
