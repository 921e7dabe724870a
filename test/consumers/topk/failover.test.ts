// Slow: starts several Redis and a cluster, and waits for what they agree on
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import type { RedisChoice } from '../../../src/consumers/topk/redis.ts';
import { Store } from '../../../src/consumers/topk/store.ts';
import { TcpProxy } from '../../support/proxy.ts';
import { noRedis, type RedisServer, startRedis } from '../../support/redis.ts';
import { hits, sumOf, sumsIn, TopkReader } from '../../support/topk.ts';
import { until } from '../../support/until.ts';

function open(t: TestContext, choice: RedisChoice): { store: Store; stop: AbortSignal } {
  const stop = new AbortController();
  const store = new Store(choice);
  store.run(stop.signal).catch(() => undefined);
  t.after(() => {
    stop.abort();
    store.close();
  });
  return { store, stop: stop.signal };
}

/** As the consumer does it. */
function looksAt(store: Store, reader: TopkReader): void {
  store.onLook = async (redis) => {
    const since = reader.flow.look();
    const [position] = await redis.fields('r:{g}:positions', ['t/0']);
    if (since !== null) reader.flow.compare(position ?? '', since);
  };
}

test('a replica that was behind is promoted: what it lacks is counted again, and nothing twice', {
  skip: noRedis,
}, async (t) => {
  await using primary = await startRedis();
  await using replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
  const front = await TcpProxy.start(primary.port);
  t.after(() => front.stop());
  await until('the replica is in step', () => /master_link_status:up/.test(cli(replica.port, 'info', 'replication')));
  const { store, stop } = open(t, { url: `redis://${front.address}`, nodes: [] });
  const values = hits(20_000, 300);
  const reader = new TopkReader(store, [], { lingerMs: 1, size: 50 });
  looksAt(store, reader);
  void reader.run(stop);
  const fed = feed(reader, values, stop);
  await until('it has got on', () => (reader.flow.position ?? 0) > 3000);
  // From here on the replica is behind, as one is that hears of nothing any more and is promoted later.
  const promoted = replica.client();
  await promoted.replicaof('NO', 'ONE');
  const at = Number(await promoted.hget('r:{g}:positions', 't/0'));
  await until('the primary is ahead', () => reader.flow.position! > at + 2000);
  const ahead = reader.flow.position;
  await primary.kill();
  front.target = replica.port;
  await fed;
  await reader.done();
  assert.deepEqual(await sumsIn(promoted), { 60: sumOf(values), 3600: sumOf(values) });
  assert.ok(reader.totals.rewinds > 0, `it was taken back from beyond ${ahead} to ${at}`);
});

test('sentinels name another primary', { skip: noRedis }, async (t) => {
  await using primary = await startRedis();
  await using replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
  await using sentinel = await startRedis({ sentinelOf: primary.port });
  await until('the replica is in step', () => /master_link_status:up/.test(cli(replica.port, 'info', 'replication')));
  await until('the sentinel knows it', () => /slaves=1/.test(cli(sentinel.port, 'info', 'sentinel')));
  const { store, stop } = open(t, { url: sentinel.url, nodes: [], sentinel_master: 'main' });
  const values = hits(20_000, 300);
  const reader = new TopkReader(store, [], { lingerMs: 1, size: 20 });
  looksAt(store, reader);
  void reader.run(stop);
  const fed = feed(reader, values, stop);
  await until('it has got on', () => (reader.flow.position ?? 0) > 2000);
  await primary.kill();
  await until('the replica is promoted', () => /role:master/.test(cli(replica.port, 'info', 'replication')), 30_000);
  await fed;
  await reader.done();
  assert.deepEqual(await sumsIn(replica.client()), { 60: sumOf(values), 3600: sumOf(values) });
});

/** As they come: so much that it takes some seconds. */
async function feed(reader: TopkReader, values: readonly string[], stop: AbortSignal): Promise<void> {
  for (let i = 0; i < values.length && !stop.aborted; i += 50) {
    reader.values.push(...values.slice(i, i + 50));
    await sleep(10);
  }
}

function cli(port: number, ...args: string[]): string {
  return spawnSync('redis-cli', ['-p', String(port), ...args], { encoding: 'utf8', timeout: 10_000 }).stdout;
}

test('a cluster of three: a slot moves, a node dies and its replica takes over', { skip: noRedis }, async (t) => {
  const nodes: RedisServer[] = [];
  t.after(() => Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())));
  for (let i = 0; i < 4; i++) {
    nodes.push(
      await startRedis({
        args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no'],
      }),
    );
  }
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const made = spawnSync('redis-cli', ['--cluster', 'create', ...addresses.slice(0, 3), '--cluster-yes'], {
    encoding: 'utf8',
  });
  assert.equal(made.status, 0, made.stdout + made.stderr);
  const { store, stop } = open(t, { url: nodes[0]!.url, nodes: [nodes[1]!.url] });
  const values = hits(60_000, 300);
  const reader = new TopkReader(store, [], { lingerMs: 1, size: 20 });
  looksAt(store, reader);
  void reader.run(stop);
  const fed = feed(reader, values, stop);
  await until('it has got on', () => (reader.flow.position ?? 0) > 2000);

  const client = new Cluster(
    nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
    { clusterRetryStrategy: () => 100 },
  );
  client.on('error', () => undefined);
  t.after(() => client.disconnect());
  const slot = Number(cli(nodes[0]!.port, 'cluster', 'keyslot', 'r:{g}:positions'));
  const ids = nodes.map(({ port }) => cli(port, 'cluster', 'myid').trim());
  const has = (i: number) => Number(cli(nodes[i]!.port, 'cluster', 'countkeysinslot', String(slot))) > 0;
  const owner = [0, 1, 2].find(has)!;
  const heir = (owner + 1) % 3;
  // A slot as it is moved by hand, key by key, while the consumer writes: ASK, TRYAGAIN, then MOVED.
  cli(nodes[heir]!.port, 'cluster', 'setslot', String(slot), 'importing', ids[owner]!);
  cli(nodes[owner]!.port, 'cluster', 'setslot', String(slot), 'migrating', ids[heir]!);
  while (has(owner)) {
    const key = cli(nodes[owner]!.port, 'cluster', 'getkeysinslot', String(slot), '1').trim();
    cli(nodes[owner]!.port, 'migrate', '127.0.0.1', String(nodes[heir]!.port), key, '0', '5000');
  }
  for (const node of [heir, owner, (owner + 2) % 3])
    cli(nodes[node]!.port, 'cluster', 'setslot', String(slot), 'node', ids[heir]!);
  const moved = reader.flow.position!;
  await until('it has got on', () => reader.flow.position! > moved + 200, 60_000);

  const added = spawnSync(
    'redis-cli',
    ['--cluster', 'add-node', addresses[3]!, addresses[heir]!, '--cluster-slave', '--cluster-master-id', ids[heir]!],
    { encoding: 'utf8' },
  );
  assert.equal(added.status, 0, added.stdout + added.stderr);
  await until(
    'the replica is in step',
    () => /master_link_status:up/.test(cli(nodes[3]!.port, 'info', 'replication')),
    60_000,
  );
  await nodes[heir]!.kill();
  await until('the replica is promoted', () => /role:master/.test(cli(nodes[3]!.port, 'info', 'replication')), 60_000);
  await fed;
  await reader.done();
  const keys = cli(nodes[3]!.port, 'cluster', 'getkeysinslot', String(slot), '1000').trim().split('\n');
  const windows = keys.filter((key) => key.startsWith('r:{g}:top:'));
  assert.deepEqual(await sumsIn(client, windows), { 60: sumOf(values), 3600: sumOf(values) });
});
