/** A listener's thread that ends before its time: it is said, what it held is counted, and its socket is free again. */
// Slow: waits for windows to end.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { Account } from '../../../src/core/account.ts';
import { datagramsAvailable } from '../../../src/native.ts';
import { type StatsdOptions, statsdSource } from '../../../src/sources/statsd/statsd.ts';
import { collect } from '../../support/output.ts';

/** The next thread that is started. */
async function thread(): Promise<Worker> {
  const [worker] = await once(process, 'worker');
  return worker as Worker;
}

async function start(t: TestContext, listen: string[], options: Partial<StatsdOptions>) {
  const account = new Account('statsd');
  const { output, weight } = collect();
  const source = statsdSource({
    config: {
      listen,
      receive_buffer: 1 << 20,
      flush_interval: 3_600_000,
      percentiles: [],
      max_contexts: 1000,
      memory: 8 << 20,
    },
    host: 'web-1',
    tags: {},
    topic: 'runnel.metrics',
    unbound: 'refused',
    account,
    nextWindowId: () => '1',
    onError: (error) => assert.fail(error),
    ...options,
  });
  const stop = new AbortController();
  const running = source.run(output, stop.signal);
  // Looked at below, or after the test.
  running.catch(() => undefined);
  const socket = createSocket('udp4');
  t.after(async () => {
    socket.close();
    stop.abort();
    await Promise.allSettled([running]);
  });
  await source.ready.catch(() => undefined);
  const addresses = source.status().listeners.map(({ address }) => address);
  const send = (line: string, to = 0) => socket.send(line, Number(addresses[to]!.split(':').at(-1)), '127.0.0.1');
  const received = async (count: number) => {
    for (source.inFlight(); account.received < count; source.inFlight()) await sleep(5);
  };
  return { source, account, weight, running, stop, addresses, send, received };
}

for (const native of datagramsAvailable() ? [true, false] : [false]) {
  const by = native ? 'recvmmsg' : 'node:dgram';
  const ends: [string, RegExp, (worker: Worker) => unknown][] = [
    ['terminated', /its thread has ended \(exit code 1\); 3 samples/, (worker) => worker.terminate()],
    // What the thread does not understand is an error that nothing in it catches.
    ['failed', /its thread has ended \(.*datagrams.*\); 3 samples/, (worker) => worker.postMessage({ type: 'take' })],
  ];
  for (const [how, said, end] of ends) {
    test(`a thread that is ${how} is the end of the run: what it held is lost, its port is free (${by})`, async (t) => {
      const started = thread();
      const statsd = await start(t, ['udp://127.0.0.1:0'], { native });
      statsd.send('hits:1|c\nhits:1|c\nhits:1|c');
      const worker = await started;
      await statsd.received(3);
      await end(worker);
      const [address] = statsd.addresses;
      await assert.rejects(statsd.running, (error: Error) => {
        assert.match(error.message, said);
        assert.ok(error.message.startsWith(`${address}: `), error.message);
        return true;
      });
      assert.equal(statsd.account.losses.get('listener_failed')?.records, 3);
      assert.deepEqual([statsd.account.received, statsd.source.inFlight()], [3, 0]);
      assert.match(statsd.source.status().listeners[0]!.error!, /its thread has ended/);

      const again = await start(t, [address!], { native, unbound: 'missed' });
      await again.source.ready;
      again.send('hits:1|c');
      await again.received(1);
      again.stop.abort();
      await again.running;
      assert.equal(again.weight(), 1);
    });
  }

  test(`a thread that is busy receiving when it is terminated leaves nothing open either (${by})`, async (t) => {
    const started = thread();
    const statsd = await start(t, ['udp://127.0.0.1:0'], { native });
    let sent = 0;
    const sending = setInterval(() => {
      for (let i = 0; i < 20; i++) statsd.send('hits:1|c');
      sent += 20;
    }, 1);
    t.after(() => clearInterval(sending));
    const worker = await started;
    await statsd.received(500);
    await Promise.all([worker.terminate(), assert.rejects(statsd.running, /its thread has ended/)]);
    const { account, source } = statsd;
    assert.ok(account.received >= 500 && account.received <= sent);
    assert.equal(account.losses.get('listener_failed')?.records, account.received);
    assert.equal(source.inFlight(), 0);
    const again = await start(t, [...statsd.addresses], { native, unbound: 'missed' });
    await again.source.ready;
    await again.received(100);
  });

  test(`whenever it is terminated, its port is free (${by})`, async (t) => {
    let [address] = ['udp://127.0.0.1:0'];
    for (let ms = 0; ms < 60; ms += 2) {
      const started = thread();
      const statsd = await start(t, [address], { native, unbound: 'missed' });
      statsd.send('hits:1|c');
      const worker = await started;
      // It comes up, takes the socket over, or receives: no fact tells which.
      await sleep(ms);
      await worker.terminate();
      await assert.rejects(statsd.running, /its thread has ended|cannot listen on .*: its thread has ended/);
      [address] = statsd.addresses as [string];
    }
  });

  test(`with it the other listeners end in order: what they received is pushed (${by})`, async (t) => {
    const first = thread();
    const statsd = await start(t, ['udp://127.0.0.1:0', 'udp://127.0.0.1:0'], { native });
    statsd.send('hits:1|c');
    const worker = await first;
    await statsd.received(1);
    statsd.send('hits:1|c', 1);
    await statsd.received(2);
    await worker.terminate();
    await assert.rejects(statsd.running, /its thread has ended/);
    assert.equal(statsd.weight(), 1);
    assert.deepEqual([statsd.account.received, statsd.account.dropped], [2, 1]);
  });

  test(`a listener that cannot be bound fails the run where it was bound before (${by})`, async (t) => {
    const taken = createSocket('udp4');
    t.after(() => taken.close());
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = `udp://127.0.0.1:${taken.address().port}`;
    const { source, running } = await start(t, [address, 'udp://127.0.0.1:0'], { native, unbound: 'missed' });
    const message = `cannot listen on ${address}: address already in use`;
    await assert.rejects(source.ready, { message });
    await assert.rejects(running, { message });
  });
}
