/** The brokers as they are on a bad day: away, slow, silent, cut in the middle; a topic that is deleted. */
import type { Kafka } from '../support/kafka.ts';
import { withAdmin } from '../support/kafka.ts';
import type { Load } from './load.ts';

export async function outages(load: Load, kafka: Kafka): Promise<void> {
  const { proxy, brokers } = kafka;
  const faults: (() => unknown)[] = [
    () => proxy.cut(),
    async () => {
      proxy.hold();
      await load.pause(6000);
    },
    () => proxy.cutAfter(20_000),
    async () => {
      proxy.delay(300);
      await load.pause(10_000);
    },
    async () => {
      proxy.refuse();
      await load.pause(20_000);
    },
    () => proxy.cutAfter(300, 'replies'),
    () => withAdmin(brokers, (admin) => admin.deleteTopics({ topics: ['soak.made'] })).catch(() => undefined),
  ];
  await load.again(20_000, async (turn) => {
    await Promise.race([faults[turn % faults.length]!(), load.pause(30_000)]);
    proxy.heal();
  });
}
