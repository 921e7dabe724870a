import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { textAnswer } from '../../src/http/answer.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { Peer, QUICK, serve } from '../support/http-peer.ts';
import { until } from '../support/until.ts';

/** Waits for `open()`. */
function gate(): { passed: Promise<void>; open: () => void } {
  const { promise: passed, resolve: open } = Promise.withResolvers<void>();
  return { passed, open };
}

/** More than what the system takes for a peer that does not read. */
const MUCH = [Buffer.alloc(64 << 20)];

/** That others are served as before. */
async function assertServed(t: TestContext, server: HttpServer): Promise<void> {
  const peer = await Peer.of(t, server);
  assert.deepEqual((await peer.send('/well').answers(1)).paths, ['/well']);
  peer.socket.destroy();
}

test('one request of a connection is answered at a time, in the order in which they came', async (t) => {
  let now = 0;
  let most = 0;
  const server = await serve(t, async ({ path }) => {
    most = Math.max(most, ++now);
    await sleep(path === '/0' ? 20 : 1);
    now--;
    return textAnswer(200, path);
  });
  const paths = Array.from({ length: 50 }, (_, i) => `/${i}`);
  const peer = await Peer.of(t, server);
  await peer.send(...paths).answers(50);
  assert.deepEqual(peer.paths, paths);
  assert.equal(most, 1);
  assert.equal(server.requests, 50);
});

test('who does not take its answer is not made the next one', async (t) => {
  let made = 0;
  const server = await serve(t, ({ path }) => {
    if (path !== '/much') return textAnswer(200, path);
    made++;
    return { code: 200, body: MUCH };
  });
  const peer = await Peer.of(t, server, false);
  peer.send(...Array.from({ length: 500 }, () => '/much'));
  await until('the first is asked for', () => made > 0);
  await sleep(100);
  assert.equal(made, 1);
  assert.ok(peer.socket.bytesRead < MUCH[0]!.length);
  await assertServed(t, server);
});

test('of too many requests sent ahead the connection with most of them pays', async (t) => {
  const { passed, open } = gate();
  const server = await serve(
    t,
    async ({ path }) => {
      if (path === '/wait') await passed;
      return textAnswer(200, path);
    },
    { limits: { ahead: 50 } },
  );
  const modest = await Peer.of(t, server);
  const greedy = await Peer.of(t, server);
  modest.send('/wait', ...Array.from({ length: 20 }, () => '/a'));
  greedy.send('/wait', ...Array.from({ length: 100 }, () => '/a'));
  await greedy.ended();
  assert.deepEqual([...server.refused], [['ahead', 1]]);
  open();
  await modest.answers(21);
  // Those that are gone are no longer counted.
  modest.send('/wait', ...Array.from({ length: 50 }, () => '/a'));
  await modest.answers(72);
});

test('for one connection more the one that did nothing for longest goes', async (t) => {
  const server = await serve(t, undefined, { limits: { connections: 4 } });
  const peers: Peer[] = [];
  for (let i = 0; i < 4; i++) {
    peers.push(await Peer.of(t, server));
    await peers[i]!.send(`/${i}`).answers(1);
  }
  await peers[0]!.send('/again').answers(2);
  await assertServed(t, server);
  await peers[1]!.ended();
  assert.deepEqual(
    peers.map(({ closed, socket }) => closed || socket.readableEnded),
    [false, true, false, false],
  );
  assert.deepEqual([...server.refused], [['connections', 1]]);
});

test('nothing that fills all connections keeps others out', async (t) => {
  const { passed, open } = gate();
  t.after(open);
  const server = await serve(
    t,
    async ({ path }) => {
      if (path === '/wait') await passed;
      return path === '/much' ? { code: 200, body: MUCH } : textAnswer(200, path);
    },
    { limits: { connections: 8 } },
  );
  for (const first of [
    '',
    'GET /he',
    'GET /wait HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /much HTTP/1.1\r\nHost: x\r\n\r\n',
  ]) {
    for (let i = 0; i < 20; i++) (await Peer.of(t, server, false)).socket.write(first);
    await assertServed(t, server);
    assert.ok(server.connections <= 8);
  }
});

/** An address of this machine that others reach it by. */
const near = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

test('a peer elsewhere has its share of the connections', {
  skip: near ? false : 'this machine has loopback only',
}, async (t) => {
  const server = await serve(t, undefined, { where: { host: '0.0.0.0', port: 0 }, limits: { peer: 3 } });
  const local: Peer[] = [];
  for (let i = 0; i < 5; i++) local.push(await Peer.of(t, server));
  const peers: Peer[] = [];
  for (let i = 0; i < 5; i++) peers.push(await (await Peer.of(t, server, true, near)).send('/').answers(1));
  await Promise.all([peers[0]!.ended(), peers[1]!.ended()]);
  assert.equal(server.connections, 8);
  assert.deepEqual([...server.refused], [['peer', 2]]);
});

test('who does not get on is ended in time, and counted if it had begun', async (t) => {
  const server = await serve(
    t,
    async ({ path, body }) => {
      if (path === '/body') await body(1000);
      return path === '/much' ? { code: 200, body: MUCH } : textAnswer(200, path);
    },
    { limits: QUICK },
  );
  const silent = await Peer.of(t, server);
  const kept = await (await Peer.of(t, server)).send('/').answers(1);
  await Promise.all([silent.ended(), kept.ended()]);
  assert.deepEqual([...server.refused], []);

  const slow = await Peer.of(t, server);
  const drip = setInterval(() => slow.socket.write('GET /slow'[slow.socket.bytesWritten] ?? 'x'), 20);
  t.after(() => clearInterval(drip));
  assert.deepEqual((await slow.ended()).codes, [408]);
  const half = await Peer.of(t, server);
  half.socket.write('GET /half HTTP/1.1\r\nHost:');
  assert.deepEqual((await half.ended()).codes, [408]);
  const bodiless = await Peer.of(t, server);
  bodiless.socket.write('POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n');
  assert.deepEqual((await bodiless.ended()).codes, []);
  const deaf = await Peer.of(t, server, false);
  deaf.send('/much');
  await until('it is cut', () => server.connections === 0);
  assert.deepEqual([...server.refused], [['timeout', 4]]);
});

test('a body or an answer that only trickles is ended when its whole time is over', async (t) => {
  const server = await serve(
    t,
    async ({ path, body }) => {
      if (path === '/body') await body(1000);
      return { code: 200, body: MUCH };
    },
    { limits: QUICK },
  );
  const writer = await Peer.of(t, server);
  writer.socket.write('POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n');
  const reader = await Peer.of(t, server, false);
  reader.send('/much');
  const drip = setInterval(() => {
    writer.socket.write('x');
    reader.socket.read(100_000);
  }, 30);
  t.after(() => clearInterval(drip));
  await until('both are cut', () => server.connections === 0);
  assert.equal(server.refused.get('timeout'), 2);
});

test('a body that is thrown away unread takes no longer than a head may', async (t) => {
  const server = await serve(t, undefined, { limits: QUICK });
  const peer = await Peer.of(t, server);
  peer.socket.write('GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n');
  const drip = setInterval(() => peer.socket.write('x'), 20);
  t.after(() => clearInterval(drip));
  await peer.answers(1);
  assert.deepEqual(peer.paths, ['/a']);
  await peer.ended();
});

test('what is being sent is bounded: the answer that stands still for longest goes; a shared one counts once', async (t) => {
  const shared = [Buffer.alloc(40 << 20)];
  const server = await serve(
    t,
    ({ path }) => {
      if (path === '/well') return textAnswer(200, path);
      return { code: 200, body: path === '/shared' ? shared : [Buffer.alloc(40 << 20)] };
    },
    { limits: { sending: 50 << 20 } },
  );
  const ask = async (path: string) => (await Peer.of(t, server, false)).send(path);
  for (let i = 0; i < 5; i++) await ask('/shared');
  await ask('/own');
  await until('all are asked for', () => server.requests === 6);
  assert.deepEqual([...server.refused], []);
  await ask('/own');
  // All that share one have to go before it is not held any more.
  await until('there is room', () => server.connections === 2);
  assert.deepEqual([...server.refused], [['sending', 5]]);
  // However large one is, small ones beside it do not end it.
  await assertServed(t, server);
  await until('the small one is gone', () => server.connections === 2);
});

test('what is no HTTP is answered so, behind the answers that it follows', async (t) => {
  const server = await serve(t);
  const check = async (sent: string, codes: number[], open = false) => {
    const peer = await Peer.of(t, server);
    peer.socket.write(sent, 'latin1');
    await peer.answers(codes.length);
    assert.deepEqual(peer.codes, codes, sent.slice(0, 60));
    if (!open) await peer.ended();
  };
  const good = 'GET /a HTTP/1.1\r\nHost: x\r\n';
  await check('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]);
  await check('NONSENSE\r\n\r\n', [400]);
  await check(`${good}\r\nNONSENSE\r\n\r\n`, [200, 400]);
  await check(`${good}X: ${'y'.repeat(20_000)}\r\n\r\n`, [431]);
  await check('GET /a HTTP/1.1\r\n\r\n', [400]);
  await check('GET // HTTP/1.1\r\nHost: x\r\n\r\n', [400], true);
  await check('GET /a HTTP/1.0\r\n\r\n', [200]);
  await check(`HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n${good}\r\n`, [200, 200], true);
  await check(`${good}Expect: coffee\r\n\r\n`, [417], true);
  await check('CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n', []);
  await check(`${good}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`, [200], true);
  assert.equal(server.refused.get('malformed'), 5);
});

test('a handler that fails is said, and the connection goes on', async (t) => {
  const server = await serve(t, ({ path }) => {
    if (path === '/bad') throw new Error('it broke');
    return textAnswer(200, path);
  });
  const peer = await Peer.of(t, server);
  await peer.send('/bad', '/good').answers(2);
  assert.deepEqual(peer.codes, [500, 200]);
  assert.match(peer.text, /it broke/);
});

test('who has said all that it has to say gets its answer, but no stream', async (t) => {
  let stopped = 0;
  const server = await serve(t, async ({ path }) => {
    await sleep(20);
    if (path === '/answer') return textAnswer(200, path);
    return { type: 'text/plain', begin: () => () => stopped++ };
  });
  const peer = await Peer.of(t, server);
  peer.send('/answer').socket.end();
  assert.deepEqual((await peer.ended()).paths, ['/answer']);
  const early = await Peer.of(t, server);
  early.send('/stream').socket.end();
  await until('it is over', () => stopped === 1);
  const late = await (await Peer.of(t, server)).send('/stream').answers(1);
  late.socket.end();
  await until('it is over', () => stopped === 2);
});

test('at the end what is being answered is answered, streams end, and nobody is waited for', async (t) => {
  const { passed, open } = gate();
  let streams = 0;
  const server = await serve(t, async ({ path }) => {
    if (path === '/stream') {
      streams++;
      return { type: 'text/plain', begin: () => () => streams-- };
    }
    if (path === '/much') return { code: 200, body: MUCH };
    await passed;
    return textAnswer(200, path);
  });
  const [idle, working, streaming, deaf] = [
    await Peer.of(t, server),
    await Peer.of(t, server),
    await Peer.of(t, server),
    await Peer.of(t, server, false),
  ];
  working.send('/a');
  deaf.send('/much');
  await streaming.send('/stream').answers(1);
  await until('all are asked for', () => server.requests === 3);
  const closed = server.close();
  await Promise.all([idle.ended(), streaming.ended()]);
  assert.equal(working.text, '');
  open();
  await working.ended();
  assert.deepEqual(working.paths, ['/a']);
  assert.match(working.text, /Connection: close/);
  await closed;
  await until('all are gone', () => server.connections + streams === 0);
});

test('a file at the place of the socket that is none stays', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-http-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'notes');
  writeFileSync(path, 'kept');
  await assert.rejects(serve(t, undefined, { where: { path } }), /there is a file of that name, which is no socket/);
});
