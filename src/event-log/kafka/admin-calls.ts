import type { Admin, Kafka } from 'kafkajs';
import { classifyKafkaError } from './errors.ts';

/** Questions to the cluster. */
export interface AdminCalls {
  /** What it throws is a PipelineError. */
  run<T>(call: (admin: Admin) => Promise<T>): Promise<T>;
  /** Whether a broker hears it or not. */
  close(): Promise<void>;
}

/**
 * After a call that failed the next one gets a client of its own. kafkajs's admin client keeps what it knows of leaders
 * for five minutes and does not ask again when a broker answers that it leads the partition no more.
 */
export function createAdminCalls(kafka: Kafka): AdminCalls {
  let connecting: Promise<Admin> | null = null;

  async function connect(): Promise<Admin> {
    const admin = kafka.admin();
    try {
      await admin.connect();
      return admin;
    } catch (error) {
      await disconnect(admin);
      throw error;
    }
  }

  async function run<T>(call: (admin: Admin) => Promise<T>): Promise<T> {
    connecting ??= connect();
    const mine = connecting;
    try {
      return await call(await mine);
    } catch (error) {
      if (connecting === mine) connecting = null;
      void mine.then(disconnect, () => undefined);
      throw classifyKafkaError(error);
    }
  }

  return {
    run,
    close: async () => {
      await connecting?.then(disconnect, () => undefined);
    },
  };
}

/** Fails only if it is no longer connected. */
async function disconnect(admin: Admin): Promise<void> {
  await admin.disconnect().catch(() => undefined);
}
