/** What a statement may be given: text, whole numbers, truth and nothing; everything else travels as text. */
export type SqlValue = string | number | boolean | null;

/**
 * Access to a PostgreSQL database, native or embedded, as narrow as the adapters need it. Statements select text, int4,
 * bool or json only (bigint, numeric, bytea and times are cast to text in the statement), because drivers differ on the
 * rest. Errors are PipelineErrors.
 */
export interface SqlConnection {
  /** One statement, in a transaction of its own; values are $1, $2 ... Rows are objects by column name. */
  query<Row>(text: string, values?: readonly SqlValue[]): Promise<Row[]>;
  /** Several statements without values, sent as one request on one session; the text brings its own BEGIN and COMMIT. */
  script(text: string): Promise<void>;
  /** Waits for what is under way. Called twice it is the same promise. */
  close(): Promise<void>;
}
