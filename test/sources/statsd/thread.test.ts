/** A thread that ends before its time: it is said, what it held is counted, and its sockets are free again. */
// Slow: waits for windows to end.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { datagramsAvailable } from '../../../src/native/sockets.ts';
import type { HeardDatagrams } from '../../../src/sources/statsd/protocol.ts';
import { FOUR, startStatsd } from '../../support/statsd.ts';

/** The next thread that is started. */
async function thread(): Promise<Worker> {
  const [worker] = await once(process, 'worker');
  return worker as Worker;
}

/**
 * A thread that waits for a datagram, or for what the main thread says, hears of its end with the next one, here one that
 * is empty.
 */
async function whileWaiting(end: () => unknown, statsd: { send(line: string): Promise<void> }): Promise<void> {
  const ending = end();
  statsd.send('');
  await ending;
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
      const statsd = await startStatsd(t, [FOUR], { native });
      statsd.send('hits:1|c\nhits:1|c\nhits:1|c');
      const worker = await started;
      await statsd.received(3);
      await whileWaiting(() => end(worker), statsd);
      const [address] = statsd.addresses;
      await assert.rejects(statsd.running, said);
      assert.equal(statsd.account.losses.get('listener_failed')?.records, 3);
      assert.deepEqual([statsd.account.received, statsd.source.inFlight()], [3, 0]);
      assert.match(statsd.source.status().listeners[0]!.error!, /its thread has ended/);

      const again = await startStatsd(t, [address!], { native, unbound: 'missed' });
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
    const statsd = await startStatsd(t, [FOUR], { native });
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
    const again = await startStatsd(t, [...statsd.addresses], { native, unbound: 'missed' });
    await again.source.ready;
    await again.received(100);
  });

  test(`whenever it is terminated, its port is free (${by})`, async (t) => {
    let [address] = [FOUR];
    for (let ms = 0; ms < 60; ms += 2) {
      const started = thread();
      const statsd = await startStatsd(t, [address], { native, unbound: 'missed' });
      statsd.send('hits:1|c');
      const worker = await started;
      // Not while it loads a native package: the whole process may end with that.
      await statsd.received(1);
      // It takes the socket over, or receives: no fact tells which.
      await sleep(ms);
      await whileWaiting(() => worker.terminate(), statsd);
      await assert.rejects(statsd.running, /its thread has ended|cannot listen on .*: its thread has ended/);
      [address] = statsd.addresses as [string];
    }
  });

  test(`with it all listeners end, and all come back (${by})`, async (t) => {
    const first = thread();
    const statsd = await startStatsd(t, [FOUR, FOUR], { native });
    await statsd.send('hits:1|c');
    const worker = await first;
    await statsd.send('hits:1|c', 1);
    await statsd.received(2);
    await whileWaiting(() => worker.terminate(), statsd);
    await assert.rejects(statsd.running, /its thread has ended \(exit code 1\); 2 samples/);
    assert.deepEqual([statsd.weight(), statsd.account.received, statsd.account.dropped], [0, 2, 2]);
    for (const { error } of statsd.source.status().listeners) assert.match(error!, /its thread has ended/);
    const again = await startStatsd(t, statsd.addresses, { native, unbound: 'missed' });
    for (const listener of [1, 0]) await again.send('hits:1|c', listener);
    await again.received(2);
    assert.deepEqual(
      (await again.end()).map(({ record }) => [record.name, record.value]),
      [['hits', 2]],
    );
  });

  test(`the only listener, when it cannot be bound, fails the run where it was bound before (${by})`, async (t) => {
    const taken = createSocket('udp4');
    t.after(() => taken.close());
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = `udp://127.0.0.1:${taken.address().port}`;
    const { source, running } = await startStatsd(t, [address], { native, unbound: 'missed' });
    const message = `cannot listen on ${address}: address already in use`;
    await assert.rejects(source.ready, { message });
    await assert.rejects(running, { message });
  });

  test(`a listener that cannot be bound holds up no other, and is heard when its address is free (${by})`, async (t) => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = `udp://127.0.0.1:${taken.address().port}`;
    const statsd = await startStatsd(t, [address, FOUR], { native, unbound: 'missed' });
    await statsd.source.ready;
    const errors = () => statsd.source.status().listeners.map(({ error }) => error);
    assert.deepEqual(errors(), [`cannot listen on ${address}: address already in use`, null]);
    await statsd.send('hits:1|c', 1);
    await statsd.received(1);
    await new Promise<void>((done) => taken.close(done));
    while (errors()[0] !== null) await sleep(5);
    await statsd.send('hits:1|c', 0);
    await statsd.received(2);
    assert.deepEqual(
      (await statsd.end()).map(({ record }) => [record.name, record.value]),
      [['hits', 2]],
    );
  });
}

test('what came before the thread was there is handed to it, not copied', {
  skip: !datagramsAvailable(),
}, async (t) => {
  const came: Uint8Array[] = [];
  const post = Worker.prototype.postMessage;
  t.after(() => {
    Worker.prototype.postMessage = post;
  });
  Worker.prototype.postMessage = function (message, ...rest: []) {
    if (message.type === 'take') came.push(...message.datagrams.map(({ bytes }: HeardDatagrams) => bytes));
    post.call(this, message, ...rest);
  };
  const statsd = await startStatsd(t, [FOUR]);
  for (let i = 0; i < 10; i++) statsd.send('hits:1|c');
  await statsd.received(10);
  assert.ok(came.length > 0);
  assert.deepEqual(new Set(came.map(({ byteLength }) => byteLength)), new Set([0]));
});
