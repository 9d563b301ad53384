import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkSchema, migrate, SCHEMA_VERSION } from '../../src/order-store/postgres/migrate.ts';
import { user } from '../support/records.ts';
import { driveStore } from '../support/store-driver.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';
import { postgresProbe } from './postgres-probe.ts';

describe.each(storeFactories)('migrations: $name', ({ open }) => {
  let opened: TestStore;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.close());

  const setVersion = (version: number, routines: string): Promise<void> =>
    opened.sql.script(`update store.schema_version set version = ${version}, routines = '${routines}'`);

  test('run again change nothing', async () => {
    const { sql, store } = opened;
    const probe = postgresProbe(sql);
    await (await driveStore(store, probe)).apply([user('u1')]);
    const before = await probe.everything();
    const installed = await sql.query('select version, routines, migrated_at::text from store.schema_version');
    expect(await migrate(sql)).toEqual({ from: SCHEMA_VERSION, to: SCHEMA_VERSION });
    expect(await probe.everything()).toEqual(before);
    expect(await sql.query('select version, routines, migrated_at::text from store.schema_version')).toEqual(installed);
    await expect(checkSchema(sql)).resolves.toBeUndefined();
  });

  test('replace routines of another build and keep the rows', async () => {
    const { sql } = opened;
    const probe = postgresProbe(sql);
    const before = await probe.everything();
    await setVersion(SCHEMA_VERSION, 'of another build');
    await expect(checkSchema(sql)).rejects.toMatchObject({ kind: 'defect', code: 'SCHEMA_OUTDATED' });
    await migrate(sql);
    await expect(checkSchema(sql)).resolves.toBeUndefined();
    expect(await probe.everything()).toEqual(before);
  });

  test('refuse a database of a newer build', async () => {
    const { sql } = opened;
    const [installed] = await sql.query<{ routines: string }>('select routines from store.schema_version');
    await setVersion(SCHEMA_VERSION + 1, 'newer');
    const refusal = {
      kind: 'defect',
      code: 'SCHEMA_TOO_NEW',
      message: expect.stringContaining('deploy the newer build'),
    };
    await expect(checkSchema(sql)).rejects.toMatchObject(refusal);
    await expect(migrate(sql)).rejects.toMatchObject(refusal);
    await setVersion(SCHEMA_VERSION, installed?.routines ?? '');
  });

  test('two at once make one database, and an empty one is told apart', async () => {
    const { sql, store } = opened;
    await sql.script('drop schema store cascade');
    await expect(checkSchema(sql)).rejects.toMatchObject({
      kind: 'defect',
      code: 'SCHEMA_OUTDATED',
      message: 'the database has no tables yet; run: npm run migrate',
    });
    const results = await Promise.all([migrate(sql), migrate(sql)]);
    expect(results.map(({ to }) => to)).toEqual([SCHEMA_VERSION, SCHEMA_VERSION]);
    await expect(checkSchema(sql)).resolves.toBeUndefined();
    expect(await sql.query('select version from store.schema_version')).toEqual([{ version: SCHEMA_VERSION }]);
    expect(await (await driveStore(store, postgresProbe(sql))).apply([user('u1')])).toEqual(['applied']);
  });
});
