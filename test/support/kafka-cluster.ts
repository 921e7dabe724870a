/**
 * Several Kafka nodes as one cluster, each broker and controller in one, with small heaps: topics have a replica on each.
 *
 *   await using cluster = await startCluster();
 *   await cluster.leaderOf('t').kill();
 */
import { Kafka, makeClusterId, withAdmin } from './kafka.ts';
import { freePorts } from './ports.ts';

const NODES = 3;

export async function startCluster(): Promise<Cluster> {
  const controllers = await freePorts(NODES);
  const voters = controllers.map((port, i) => `${i + 1}@127.0.0.1:${port}`).join(',');
  const clusterId = makeClusterId();
  const nodes: Kafka[] = [];
  try {
    for (const [i, controllerPort] of controllers.entries()) {
      const properties = {
        'default.replication.factor': NODES,
        'offsets.topic.replication.factor': NODES,
        'transaction.state.log.replication.factor': NODES,
        'transaction.state.log.min.isr': 2,
        'min.insync.replicas': 2,
        'replica.lag.time.max.ms': 3000,
        // Its usual 128 MB are more than the heap holds.
        'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
        // Three JVMs on a busy machine answer late.
        'broker.heartbeat.interval.ms': 500,
        'broker.session.timeout.ms': 4000,
      };
      const node = { id: i + 1, clusterId, controllerPort, voters };
      nodes.push(await Kafka.format({ node, properties, heapMb: 192 }));
    }
    // A quorum answers when two of them run.
    await Promise.all(nodes.map((node) => node.start()));
    return new Cluster(nodes);
  } catch (error) {
    for (const node of nodes) await node.stop();
    throw error;
  }
}

export class Cluster implements AsyncDisposable {
  /** By node id less one. */
  readonly nodes: readonly Kafka[];

  constructor(nodes: readonly Kafka[]) {
    this.nodes = nodes;
  }

  get brokers(): string {
    return this.nodes.map(({ brokers }) => brokers).join(',');
  }

  /** A topic with a replica on each node. Resolves when its partition has a leader. */
  async createTopic(topic: string, config: Record<string, string> = {}): Promise<void> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    const wanted = { topic, numPartitions: 1, replicationFactor: NODES, configEntries };
    await withAdmin(this.brokers, (admin) => admin.createTopics({ topics: [wanted], waitForLeaders: true }));
  }

  /** The node id of the leader of partition 0, and the ids of the replicas that are in sync. */
  async partition(topic: string): Promise<{ leader: number; isr: number[] }> {
    const { topics } = await withAdmin(this.brokers, (admin) => admin.fetchTopicMetadata({ topics: [topic] }));
    const { leader, isr } = topics[0]!.partitions[0]!;
    return { leader, isr };
  }

  async leaderOf(topic: string): Promise<Kafka> {
    return this.nodes[(await this.partition(topic)).leader - 1]!;
  }

  /** Moves the leader of partition 0 to another node. */
  async moveLeader(topic: string): Promise<void> {
    const { leader } = await this.partition(topic);
    const others = [1, 2, 3].filter((id) => id !== leader);
    const partitionAssignment = [{ partition: 0, replicas: others }];
    await withAdmin(this.brokers, (admin) =>
      admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}
