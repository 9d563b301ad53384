// A process of its own for tests of a client that is frozen in the middle: takes the database's address, a known log
// (JSON) and an item, sends a batch of 1,000 adjustments and stops itself before it could read the answer.
import { setImmediate } from 'node:timers/promises';
import type { KnownLog } from '../../src/batch.ts';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import { postgresSink } from '../../src/order-store/postgres/sink.ts';
import { adjustment, logBatch } from './records.ts';

const [url = '', known = '', sku = ''] = process.argv.slice(2);
const log = JSON.parse(known) as KnownLog;
const sink = postgresSink(connectPostgres({ url, maxConnections: 1 }));
const events = Array.from({ length: 1000 }, (_, n) => adjustment(sku, 1, { eventId: `${sku}-${n}` }));

// The connection is made before, so that the batch goes out with the next turn of the event loop.
await sink.now();
void sink.applyBatch(logBatch(log, 0, 0n, events));
await setImmediate();
process.stdout.write(`${process.pid}\n`);
await setImmediate();
process.kill(process.pid, 'SIGSTOP');
