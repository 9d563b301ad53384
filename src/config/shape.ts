/** How the service is set up, by part. Frozen. Durations are in ms, sizes in bytes; null is "not configured". */
export interface Config {
  /** NODE_ENV=production: no embedded parts. */
  readonly production: boolean;
  readonly http: HttpConfig;
  readonly log: LogConfig;
  readonly store: StoreConfig;
  readonly mirror: MirrorConfig | null;
  readonly consumer: ConsumerConfig;
  /** Where the embedded parts keep their files. */
  readonly dataDir: string;
  readonly logging: LoggingConfig;
  readonly startTimeoutMs: number;
  readonly shutdownDeadlineMs: number;
  /** What may be a mistake and may be meant, for the log at start. */
  readonly warnings: readonly string[];
}

export interface HttpConfig {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Only this machine can reach `host`. Always so without an adminToken. */
  readonly loopbackOnly: boolean;
  readonly adminToken: string | null;
  readonly readToken: string | null;
}

export type LogConfig = { readonly topic: string; readonly partitions: number } & (
  | { readonly kind: 'embedded' }
  | ({ readonly kind: 'kafka' } & KafkaConfig)
);

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly groupId: string;
  /** -1 leaves it to the brokers. */
  readonly replicationFactor: number;
  /** Texts in PEM format. */
  readonly ssl: { readonly ca: string | null; readonly cert: string | null; readonly key: string | null } | null;
  readonly sasl: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  } | null;
}

export type StoreConfig =
  | { readonly kind: 'embedded' }
  | { readonly kind: 'postgres'; readonly url: string }
  | ({ readonly kind: 'sqlserver' } & SqlServerConfig);

export interface SqlServerConfig {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly trustCertificate: boolean;
}

export interface MirrorConfig {
  readonly url: string;
  readonly prefix: string;
}

export interface ConsumerConfig {
  readonly startFrom: 'earliest' | 'latest';
  readonly concurrency: number;
  readonly batchMaxRecords: number;
  readonly batchMaxBytes: number;
  readonly maxEventBytes: number;
  readonly maxClockAheadMs: number;
  readonly parkMaxAgeMs: number;
  readonly ledgerRetentionMs: number;
  readonly unknownTypes: 'dead' | 'ignore';
}

export interface LoggingConfig {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  readonly logEvents: boolean;
}
