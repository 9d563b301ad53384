import type { EventLog } from '../event-log.ts';
import { type ObserveCall, timedCalls } from './timed-store.ts';

/** Tells `observe` of the end of every request to the log: `log.append` took so long to be acknowledged, say. */
export function timedLog(log: EventLog, observe: ObserveCall, now: () => number = () => performance.now()): EventLog {
  const { append, watermarks, offsetsAt } = log;
  return { ...log, ...timedCalls('log', { append, watermarks, offsetsAt }, { observe, now }) };
}
