import type { Consumer, ConsumerCrashEvent, ConsumerGroupJoinEvent } from 'kafkajs';

export interface MembershipParts {
  readonly consumer: Pick<Consumer, 'on' | 'events'>;
  readonly topic: string;
  /** A number never used before by this log. */
  readonly nextAssignment: () => number;
  /** The partitions that are ours from now on; nothing known of them from before counts. */
  readonly assigned: (partitions: readonly number[]) => void;
  /** kafkajs has given up for good. */
  readonly crashed: (error: Error) => void;
}

export interface Membership {
  readonly assignment: number;
  readonly partitions: readonly number[];
  /** When kafkajs has joined, or cannot any more. */
  settled(): Promise<void>;
}

/**
 * What kafkajs tells of the consumer group. A rebalance and a crash that it restarts both end in GROUP_JOIN, which may
 * bring any partitions, the same ones too. After a crash that it does not restart it would stand still for ever.
 */
export function followMembership(parts: MembershipParts): Membership {
  const { consumer } = parts;
  let joined = createSignal();
  let [assignment, partitions]: [number, readonly number[]] = [0, []];

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }: ConsumerGroupJoinEvent) => {
    assignment = parts.nextAssignment();
    partitions = payload.memberAssignment[parts.topic] ?? [];
    parts.assigned(partitions);
    // kafkajs says so before it counts as running, and until then its stop() does nothing.
    setImmediate(joined.give);
  });
  consumer.on(consumer.events.CRASH, ({ payload }: ConsumerCrashEvent) => {
    partitions = [];
    parts.assigned([]);
    if (payload.restart) {
      joined = createSignal();
      return;
    }
    joined.give();
    parts.crashed(payload.error);
  });

  return {
    get assignment() {
      return assignment;
    },
    get partitions() {
      return partitions;
    },
    settled: () => joined.given,
  };
}

interface Signal {
  readonly given: Promise<void>;
  give(): void;
}

function createSignal(): Signal {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
}
