import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import dns from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { KafkaClient } from '../../../src/kafka/connect/client.ts';
import { dial } from '../../../src/kafka/connect/dial.ts';
import { FakeBroker } from '../../support/fake-broker.ts';

/** What nobody has a way to, or nobody listens at. */
const NOWHERE = '2001:db8::1';
const NOBODY = '127.0.0.3';

/** From here on `broker.test` has these addresses, and no other name has any. */
function names(t: TestContext, addresses: string[]): void {
  t.mock.method(dns, 'lookup', (host: string, _: object, done: (error: Error | null, found?: object[]) => void) => {
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    process.nextTick(() =>
      host === 'broker.test' ? done(null, found) : done(new Error(`getaddrinfo ENOTFOUND ${host}`)),
    );
  });
}

/**
 * Listens at `address` and, while it is stopped, takes no more connections than fit into its queue: the system drops what
 * else comes, and it is asked again after a second, as from far away.
 */
async function farAway(t: TestContext, address: string): Promise<{ port: number; process: ChildProcess }> {
  const code = `const s = require('node:net').createServer((c) => c.on('error', () => {}).resume());
    s.listen({ port: 0, host: '${address}', backlog: 1 }, () => process.send(s.address().port));`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  const [port] = await once(child, 'message');
  child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  t.after(() => {
    for (const socket of fillers) socket.destroy();
  });
  for (let room = true; room; ) {
    const socket = connect(port, address);
    fillers.push(socket);
    socket.on('error', () => undefined);
    room = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<false>((resolve) => setTimeout(resolve, 200, false)),
    ]);
  }
  return { port, process: child };
}

test('a broker that takes longer than half a second is reached though its name has another address', async (t) => {
  for (const addresses of [
    ['127.0.0.1', NOWHERE],
    [NOWHERE, '127.0.0.1'],
    ['127.0.0.1', NOBODY, NOWHERE],
  ]) {
    await t.test(addresses.join(', '), async (t) => {
      const { port, process } = await farAway(t, '127.0.0.1');
      names(t, addresses);
      const dialing = dial('broker.test', port, AbortSignal.timeout(20_000));
      // It is still asked when the other address has long failed.
      setTimeout(() => process.kill('SIGCONT'), 700);
      const began = performance.now();
      const socket = await dialing;
      t.after(() => socket.destroy());
      assert.ok(performance.now() - began > 650);
      assert.equal(socket.remoteAddress, '127.0.0.1');
    });
  }
});

test('an address that does not answer holds up the others for a quarter of a second', async (t) => {
  const { port } = await farAway(t, '127.0.0.2');
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  names(t, ['127.0.0.2', '127.0.0.2', '127.0.0.1']);
  const began = performance.now();
  const socket = await dial('broker.test', port, AbortSignal.timeout(20_000));
  assert.equal(socket.remoteAddress, '127.0.0.1');
  const took = performance.now() - began;
  assert.ok(took > 450 && took < 900, `${took} ms`);
  await once(socket, 'close');
});

test('what went wrong is said of each address, and a name that is not known is', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  names(t, ['127.0.0.1', NOBODY]);
  const signal = AbortSignal.timeout(20_000);
  await assert.rejects(dial('broker.test', port, signal), {
    message: `refuses connections (127.0.0.1, ${NOBODY})`,
  });
  await assert.rejects(dial('other.test', port, signal), /ENOTFOUND other.test/);
});

test('a stop ends it at once', async (t) => {
  const { port } = await farAway(t, '127.0.0.1');
  const stop = new AbortController();
  const dialing = dial('127.0.0.1', port, stop.signal);
  setTimeout(() => stop.abort(new Error('stopped')), 10);
  await assert.rejects(dialing, /^Error: stopped$/);
});

test('a broker is reached by a name with two addresses', async (t) => {
  await using broker = await FakeBroker.start();
  names(t, [NOWHERE, '127.0.0.1']);
  const client = new KafkaClient({
    brokers: [broker.address.replace('127.0.0.1', 'broker.test')],
    client_id: 'test',
    create_topics: false,
  });
  t.after(() => client.close());
  await client.connect(AbortSignal.timeout(10_000));
});
