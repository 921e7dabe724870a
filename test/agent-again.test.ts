/** An input that fails is started again: it says so, and loses and doubles nothing. */
// Slow: starts agents.
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { Agent } from '../src/agent.ts';
import { CheckRunner } from '../src/checks/runner.ts';
import { locateConfig } from '../src/cli/locate.ts';
import { Kernel } from '../src/kernel/kernel.ts';
import type { Status } from '../src/report/shape.ts';
import { Spool } from '../src/spool/spool.ts';
import { directory } from './support/directory.ts';
import { numbered } from './support/lines.ts';
import { readAll } from './support/spool-blocks.ts';

/** An agent of this process, without brokers. */
async function start(t: TestContext, more: string) {
  const dir = directory(t);
  const path = join(dir, 'runnel.yaml');
  const rest = `${more.includes('statsd:') ? '' : 'statsd: {listen: []}\n'}admin: {listen: 127.0.0.1:0}\n`;
  await writeFile(path, `data_dir: ${dir}/data\n${rest}${more.replaceAll('DIR', dir)}`);
  const agent = await Agent.start({ ...(await locateConfig({ config: path, defaultPath: path })), version: 'test' });
  const until = async (so: (status: Status) => boolean): Promise<Status> => {
    for (const deadline = Date.now() + 30_000; ; await sleep(5)) {
      const status = (await (await fetch(`http://${agent.adminAddress}/status`)).json()) as Status;
      if (so(status)) return status;
      assert.ok(Date.now() < deadline, JSON.stringify([status.reasons, status.conservation]));
    }
  };
  return { dir, agent, until };
}

test('files go on from where they are safe, each line once', async (t) => {
  const lines = numbered('app', 0, 40_000);
  const { dir, agent, until } = await start(
    t,
    'metrics: {host: false}\nlogs: [{name: app, include: DIR/app.log, encoding: raw, topic: lines}]\n',
  );
  let calls = 0;
  const { pack } = Kernel.prototype;
  t.mock.method(Kernel.prototype, 'pack', function (this: Kernel, ...args: Parameters<typeof pack>) {
    calls++;
    if (calls === 4 || calls === 7) throw new Error('made to fail');
    return pack.apply(this, args);
  });
  await writeFile(join(dir, 'app.log'), `${lines.join('\n')}\n`);
  const said = await until((s) => s.reasons.length > 0 || calls > 8);
  assert.match(said.reasons.join(), /logs app has stopped: made to fail; it is started again/);
  assert.equal((await fetch(`http://${agent.adminAddress}/health`)).status, 200);
  await until(
    ({ logs }) => logs[0]!.files[0]?.committed === logs[0]!.files[0]?.size && logs[0]!.lag_bytes === 0 && calls > 8,
  );
  lines.push('the last one');
  await appendFile(join(dir, 'app.log'), 'the last one\n');
  const { conservation, reasons } = await until(({ conservation }) => conservation.total.received === lines.length);
  assert.deepEqual([conservation.total.unaccounted, conservation.total.dropped, reasons], [0, 0, []]);
  await agent.stop();
  const options = { max_size: 1 << 30, when_full: 'block', sync: 1000 } as const;
  const spool = await Spool.open(join(dir, 'data', 'spool'), options, assert.fail);
  assert.deepEqual((await readAll(spool.partition('lines'))).values, lines);
  await spool.close();
});

test('host metrics go on after a failure', async (t) => {
  let failed = 0;
  const { run } = CheckRunner.prototype;
  t.mock.method(CheckRunner.prototype, 'run', function (this: CheckRunner, ...args: Parameters<typeof run>) {
    if (failed++ < 2) throw new Error('made to fail');
    return run.apply(this, args);
  });
  const { agent, until } = await start(t, 'metrics: {interval: 1s}\n');
  const { checks, reasons } = await until(({ spool }) => spool.records > 0);
  assert.equal(new Set(checks.map(({ name }) => name)).size, checks.length);
  assert.deepEqual(reasons, []);
  await agent.stop();
});

/** A socket of ours at this port of 127.0.0.1; 0: any. */
async function bound(port: number): Promise<Socket> {
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

test('a StatsD listener whose thread dies goes on at its address, which stays its own', async (t) => {
  const probe = await bound(0);
  const { port } = probe.address();
  await new Promise<void>((done) => probe.close(done));
  const statsd = `statsd: {listen: "udp://127.0.0.1:${port}", flush_interval: 1h}`;
  const { dir, agent, until } = await start(t, `metrics: {host: false}\n${statsd}\n`);
  const workers: Worker[] = [];
  const note = (worker: Worker) => workers.push(worker);
  process.on('worker', note);
  const sender = createSocket('udp4');
  t.after(() => {
    process.off('worker', note);
    sender.close();
  });
  const send = async (samples: number, received: number) => {
    sender.send(Array(samples).fill('hits:1|c').join('\n'), port, '127.0.0.1');
    await until(({ conservation }) => conservation.total.received === received);
  };
  await send(2, 2);
  // It waits for a datagram: an empty one lets it hear of its end.
  const end = async (worker: Worker) => {
    const ended = worker.terminate();
    sender.send('', port, '127.0.0.1');
    await ended;
  };
  await end(workers[0]!);
  await assert.rejects(bound(port), /EADDRINUSE/);
  const lostAre = (records: number) =>
    until(({ reasons, lost }) => reasons.length === 0 && lost[0]?.records === records);
  await lostAre(2);
  await send(1, 3);
  await end(workers[1]!);
  const { lost } = await lostAre(3);
  assert.deepEqual([lost.length, lost[0]!.input, lost[0]!.reason], [1, 'statsd', 'listener_failed']);
  await send(1, 4);
  assert.equal(workers.length, 3);
  const { conservation } = await until(() => true);
  assert.deepEqual([conservation.total.unaccounted, conservation.total.in_flight], [0, 1]);
  await agent.stop();
  const options = { max_size: 1 << 30, when_full: 'block', sync: 1000 } as const;
  const spool = await Spool.open(join(dir, 'data', 'spool'), options, assert.fail);
  const { values } = await readAll(spool.partition('runnel.metrics'));
  const records = values.map((text) => JSON.parse(text) as { name: string; value: number });
  assert.deepEqual(
    records.map(({ name, value }) => [name, value]),
    [['hits', 1]],
  );
  await spool.close();
});
