import { orderStoreContract } from '../contracts/order-store.ts';
import { storeFactories } from '../support/stores.ts';
import { postgresProbe } from './postgres-probe.ts';

for (const { name, concurrent, open } of storeFactories) {
  orderStoreContract({
    name,
    concurrent,
    open: async () => {
      const { sql, ...opened } = await open();
      return { ...opened, probe: postgresProbe(sql) };
    },
  });
}
