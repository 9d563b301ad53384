import type { Redis } from 'ioredis';

/** What people find in a mirror. */
export interface MirrorView {
  /** Ids by score. */
  readonly dead: readonly string[];
  readonly parked: readonly string[];
  /** The fields of open letters, by id. */
  readonly entries: Readonly<Record<string, Record<string, string>>>;
  /** What is left of closed letters, by id: entries that expire within a day. */
  readonly closed: Readonly<Record<string, Record<string, string>>>;
}

const A_DAY = 86_400;

export async function viewMirror(redis: Redis, prefix: string): Promise<MirrorView> {
  const entries: Record<string, Record<string, string>> = {};
  const closed: Record<string, Record<string, string>> = {};
  const keys = (await redis.keys('*')).filter((key) => key.startsWith(`${prefix}:entry:`)).toSorted();
  for (const key of keys) {
    const id = key.slice(`${prefix}:entry:`.length);
    const seconds = await redis.ttl(key);
    const into = seconds > 0 && seconds <= A_DAY ? closed : entries;
    into[id] = await redis.hgetall(key);
  }
  const [dead, parked] = [
    await redis.zrange(`${prefix}:dead`, '0', '-1'),
    await redis.zrange(`${prefix}:parked`, '0', '-1'),
  ];
  return { dead, parked, entries, closed };
}
