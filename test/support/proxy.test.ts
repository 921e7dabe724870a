import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { TcpProxy } from './proxy.ts';

/** A server that answers each byte with the same byte, and counts what it got. */
async function echo() {
  const got: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      got.push(chunk);
      socket.write(chunk);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const received = () => Buffer.concat(got).toString();
  return {
    port: (server.address() as AddressInfo).port,
    received,
    async [Symbol.asyncDispose]() {
      await once(server.close(), 'close');
    },
  };
}

async function dial(proxy: TcpProxy): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

const reset = (socket: Socket) => once(socket, 'error').catch((error) => [error]);

test('what goes in comes out, both ways, until both ends are closed', async () => {
  await using server = await echo();
  await using proxy = await TcpProxy.start(server.port);
  const client = await dial(proxy);
  const big = Buffer.alloc(3_000_000, 'abcdefgh');
  const answer: Buffer[] = [];
  client.on('data', (chunk: Buffer) => answer.push(chunk));
  client.end(big);
  await once(client, 'close');
  assert.ok(Buffer.concat(answer).equals(big));
  assert.deepEqual(proxy.bytes, { requests: big.length, replies: big.length });
  assert.equal(proxy.accepted, 1);
});

test('a cut resets the connections and lets new ones in', async () => {
  await using server = await echo();
  await using proxy = await TcpProxy.start(server.port);
  const [one, two] = [await dial(proxy), await dial(proxy)];
  for (const socket of [one, two]) {
    socket.write('x');
    await once(socket, 'data');
  }
  assert.equal(proxy.connections, 2);
  const ends = [reset(one), reset(two)];
  proxy.cut();
  for (const [error] of await Promise.all(ends)) assert.equal(error.code, 'ECONNRESET');
  const three = await dial(proxy);
  three.write('y');
  assert.equal(String((await once(three, 'data'))[0]), 'y');
  three.destroy();
});

test('a cut after n bytes lets exactly n bytes through', async () => {
  await using server = await echo();
  await using proxy = await TcpProxy.start(server.port);
  const client = await dial(proxy);
  const ended = reset(client);
  const cut = proxy.cutAfter(7);
  client.write('0123456789');
  await Promise.all([cut, ended]);
  assert.equal(server.received(), '0123456');
  const lost = proxy.cutAfter(0, 'replies');
  const again = await dial(proxy);
  const gone = reset(again);
  again.on('data', () => assert.fail('the reply was to be lost'));
  again.write('abc');
  await Promise.all([lost, gone]);
  assert.equal(server.received(), '0123456abc');
});

test('what is held comes when it is healed, what is refused does not', async () => {
  await using server = await echo();
  await using proxy = await TcpProxy.start(server.port);
  const client = await dial(proxy);
  proxy.hold('replies');
  client.write('held');
  while (server.received() !== 'held') await new Promise(setImmediate);
  const answered: string[] = [];
  client.on('data', (chunk) => answered.push(String(chunk)));
  proxy.delay(1);
  assert.deepEqual(answered, []);
  proxy.heal();
  while (answered.join('') !== 'held') await new Promise(setImmediate);
  const ended = reset(client);
  proxy.refuse();
  await ended;
  const refused = connect(proxy.port, '127.0.0.1');
  await reset(refused);
  proxy.heal();
  (await dial(proxy)).destroy();
});
