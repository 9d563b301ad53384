import { describe } from 'vitest';
import { openKafkaLog } from '../../src/event-log/kafka.ts';
import { eventLogContract, type OpenedLog } from '../contracts/event-log.ts';
import { kafkaBrokers, kafkaOptions } from '../support/kafka.ts';

describe.skipIf(kafkaBrokers === null)('with the brokers of TEST_KAFKA_BROKERS', () => {
  eventLogContract('Kafka', async () => {
    async function open(partitions: number): Promise<OpenedLog> {
      const options = kafkaOptions(kafkaBrokers ?? '', { partitions });
      let log = await openKafkaLog(options);
      return {
        log,
        reopen: async () => {
          await log.close();
          log = await openKafkaLog(options);
          return log;
        },
        dispose: () => log.close(),
      };
    }

    return { open, openElsewhere: null, close: () => Promise.resolve() };
  });
});
