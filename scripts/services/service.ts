/** A server of this machine that was started here and may be ended here. */
export interface RunningService {
  /** What clients need: host:port for Kafka, a URL for the others. */
  readonly address: string;
  /** Of the process to signal (SIGSTOP, say); stays the same while it runs. */
  readonly pid: number;
  /** As an administrator does; resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
}

export interface StartOptions {
  /** Where it keeps its data and its log; started there again, it has its data again. */
  readonly dir: string;
  /** Any free port, or the one it had in this directory, if not given. */
  readonly port?: number;
}

/** Told to the person in one line: something is not installed, or did not start. */
export class ServiceError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ServiceError';
  }
}
