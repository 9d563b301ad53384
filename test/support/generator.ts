import { conflictWith, type Draft, type Planted, textOf } from './generator/draft.ts';
import type { GeneratorOptions } from './generator/options.ts';
import { nextStep } from './generator/steps.ts';
import { newWorld, type World } from './generator/world.ts';
import { poisonCatalogue } from './poison.ts';
import { happens, oneOf, pick } from './random.ts';

/** A record as a producer would send it. `value` is JSON text but for poison (bytes, or null: a tombstone). */
export interface GeneratedRecord {
  readonly key: string | null;
  readonly value: string | Uint8Array | null;
  readonly expect?: Planted;
  /** Poison: the reason it must be rejected for. */
  readonly rejected?: string;
}

interface Held {
  readonly due: number;
  readonly draft: Draft;
}

interface Run {
  readonly options: GeneratorOptions;
  readonly world: World;
  readonly poison: readonly GeneratedRecord[];
  /** First in, first out, so a record may wait a little longer than until it is due. */
  readonly held: Held[];
  /** A ring of events sent lately, for duplicates and conflicts. */
  readonly recent: Draft[];
  sent: number;
}

const RECENT = 512;
const LONGEST_DELAY = 200;

/**
 * Records of a running business, with faults planted at the rates asked for. The same options give the same bytes.
 * Whatever is held back is sent before the end, so that everything but orphans settles. Memory depends on `users` only.
 */
export function* generate(options: GeneratorOptions): Generator<GeneratedRecord, void, undefined> {
  const run = newRun(options);
  for (; run.sent < options.count; run.sent += 1) yield nextRecord(run);
}

/** As the log takes it. */
export function encoded({ key, value }: GeneratedRecord): { key: Uint8Array | null; value: Uint8Array | null } {
  const bytes = (text: string) => Buffer.from(text, 'utf8');
  return { key: key === null ? null : bytes(key), value: typeof value === 'string' ? bytes(value) : value };
}

function newRun(options: GeneratorOptions): Run {
  const world = newWorld(options);
  return { options, world, poison: poisonForStream(world.tag), held: [], recent: [], sent: 0 };
}

/** At the end of the stream all that is left is what was held back. */
function nextRecord(run: Run): GeneratedRecord {
  const isEnding = roomToHold(run) <= 0;
  const fault = isEnding ? null : faultyRecord(run);
  if (fault !== null) return fault;
  const first = run.held[0];
  if (first === undefined || (first.due > run.sent && !isEnding)) return freshRecord(run);
  run.held.shift();
  return sentAs(run, first.draft);
}

/** A record that tells of nothing new, null for none. */
function faultyRecord({ options, world, poison, recent }: Run): GeneratedRecord | null {
  const { random } = world;
  if (happens(random, options.poison)) return oneOf(random, poison);
  const earlier = oneOf(random, recent);
  if (earlier !== null && happens(random, options.duplicates)) return record({ ...earlier, expect: 'duplicate' });
  if (earlier !== null && happens(random, options.conflicts)) return record(conflictWith(earlier));
  return null;
}

/** A new event; or what it has to wait for comes later, or it comes later itself and another one now. */
function freshRecord(run: Run): GeneratedRecord {
  const { draft, later } = nextStep(run.world, roomToHold(run) > 1);
  if (later !== null) hold(run, later);
  else if (happens(run.world.random, run.options.outOfOrder) && roomToHold(run) > 1) {
    hold(run, { ...draft, expect: draft.expect ?? 'outOfOrder' });
    return freshRecord(run);
  }
  return sentAs(run, draft);
}

/** How many more records may be held back so that all of them are still sent before the end. */
function roomToHold(run: Run): number {
  return run.options.count - run.sent - run.held.length;
}

function hold(run: Run, draft: Draft): void {
  run.held.push({ due: run.sent + 1 + pick(run.world.random, LONGEST_DELAY), draft });
}

function sentAs(run: Run, draft: Draft): GeneratedRecord {
  if (run.recent.length < RECENT) run.recent.push(draft);
  else run.recent[run.sent % RECENT] = draft;
  return record(draft);
}

function record(draft: Draft): GeneratedRecord {
  const { key, expect } = draft;
  return expect === null ? { key, value: textOf(draft) } : { key, value: textOf(draft), expect };
}

/** Without what needs company, and without the record of 256 KiB: one in a thousand would outweigh all the others. */
function poisonForStream(tag: string): GeneratedRecord[] {
  const needsCompany = new Set(['TOO_LARGE', 'ID_CONFLICT', 'EMAIL_TAKEN', 'MISSING_REFERENCE']);
  return poisonCatalogue(`${tag}-poison`)
    .filter(({ reason }) => !needsCompany.has(reason))
    .map(({ reason, record: { key, value } }) => ({
      key: key === null ? null : Buffer.from(key).toString('utf8'),
      value,
      rejected: reason,
    }));
}
