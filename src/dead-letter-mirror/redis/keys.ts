/**
 * The keys of one mirror. They share the prefix's hash tag, so that a script may touch them together in a cluster; one
 * tag is one shard.
 */
export interface MirrorKeys {
  /** STRING: the epoch that the mirror is in. */
  readonly epoch: string;
  /** ZSETs of letter ids, scored by the time of their last failure in ms. */
  readonly dead: string;
  readonly parked: string;
  /** HASH: one letter. */
  readonly entry: (id: string) => string;
  readonly idOf: (entry: string) => string;
  /** As SCAN's MATCH takes it. */
  readonly entryPattern: string;
}

export function mirrorKeys(prefix: string): MirrorKeys {
  const entries = `${prefix}:entry:`;
  return {
    epoch: `${prefix}:epoch`,
    dead: `${prefix}:dead`,
    parked: `${prefix}:parked`,
    entry: (id) => `${entries}${id}`,
    idOf: (entry) => entry.slice(entries.length),
    entryPattern: `${entries.replace(/[*?[\]\\^-]/g, '\\$&')}*`,
  };
}
