/** What comes is repeated to other servers, and captured and sent again; neither holds up receiving. */
// Slow: runs commands.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync, readFileSync, statSync, truncateSync, unlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { startAdmin } from '../../../src/admin/server.ts';
import { Tap } from '../../../src/admin/tap.ts';
import { closeSocket, datagramsAvailable, openDatagrams } from '../../../src/native/sockets.ts';
import { History } from '../../../src/report/history.ts';
import { statsd as kind } from '../../../src/sources/statsd/kind.ts';
import { freePorts } from '../../support/ports.ts';
import { FOUR, listenOn, startStatsd } from '../../support/statsd.ts';
import { statusOf } from '../../support/status.ts';
import { eventually, until } from '../../support/until.ts';

const linux = { skip: datagramsAvailable() ? false : 'NOT TESTED: libc cannot be called here' };
const MAIN = new URL('../../../src/main.ts', import.meta.url).pathname;

async function server(t: TestContext) {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  t.after(() => socket.close());
  const got: string[] = [];
  socket.on('message', (datagram) => got.push(datagram.toString()));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { got, address: `udp://127.0.0.1:${socket.address().port}` };
}

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'runnel-forward-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test(
  'packets are repeated as they come, lines of connections in packets; who takes none is counted',
  linux,
  async (t) => {
    const path = join(await directory(t), 'full');
    // Nobody reads there.
    const full = openDatagrams({ path }, { receiveBuffer: 65_536, timeout: 1 });
    t.after(() => closeSocket(full.fd));
    const gone = createSocket('udp4').bind(0, '127.0.0.1');
    await once(gone, 'listening');
    const nobody = `udp://127.0.0.1:${gone.address().port}`;
    gone.close();
    const other = await server(t);
    const forward = [other.address, `unixgram://${path}`, nobody];
    const statsd = await startStatsd(t, [FOUR, 'tcp://127.0.0.1:0'], {}, { forward });
    const sent = Array.from({ length: 2000 }, (_, i) => `hits:${i}|c\nbroken ${i}`);
    for (const text of sent) await statsd.send(text);
    const client = connect(statsd.portOf(1), '127.0.0.1');
    const lines = Array.from({ length: 1000 }, (_, i) => `line.${i}:1|c|#tag:${'x'.repeat(i % 90)}\n`).join('');
    client.end(`${lines}${'long'.repeat(1000)}:1|c`);
    await statsd.received(2 * sent.length + 1001);
    const [live, slow, dead] = statsd.source.status().forward;
    await until('the other has them', () => other.got.length === live!.packets);
    assert.deepEqual(
      [...other.got].filter((text) => !text.startsWith('l')),
      sent,
    );
    const packed = other.got.filter((text) => text.startsWith('l'));
    assert.equal(packed.join(''), `${lines}${'long'.repeat(1000)}:1|c`);
    assert.ok(packed.slice(0, -1).every((text) => text.length <= 1432 && text.endsWith('\n')));
    assert.equal(live!.lost, 0);
    assert.equal(slow!.lost, live!.packets - slow!.packets);
    assert.ok(slow!.lost > 0 && dead!.lost > 0);
    assert.ok(dead!.lost > 0 && dead!.packets + dead!.lost === live!.packets, JSON.stringify(dead));
    await statsd.end();
  },
);

test('repeating to where it listens itself is refused', () => {
  const check = (listen: string, forward: string) => {
    const said: string[] = [];
    const config = { statsd: { listen: listenOn(listen), forward: [forward], mappings: [], allow: [], deny: [] } };
    kind.check!(
      config as never,
      (_, message) => said.push(message),
      () => undefined,
    );
    return said.length > 0;
  };
  assert.equal(check('udp://127.0.0.1:8125', 'udp://127.0.0.1:8125'), true);
  assert.equal(check('udp://0.0.0.0:8125', 'udp://127.0.0.1:8125'), true);
  assert.equal(check('unixgram:///run/a', 'unixgram:///run/a'), true);
  assert.equal(check('udp://127.0.0.1:8125', 'udp://localhost:8125'), true);
  assert.equal(check('udp://localhost:8125', 'udp://127.0.0.1:8125'), true);
  assert.equal(check('udp://127.0.0.1:8125', 'udp://0.0.0.0:8125'), true);
  assert.equal(check('udp://[::]:8125', 'udp://127.0.0.9:8125'), true);
  assert.equal(check('udp://[::1]:8125', 'udp://127.0.0.1:8125'), false);
  assert.equal(check('tcp://127.0.0.1:8125', 'udp://127.0.0.1:8125'), false);
  assert.equal(check('udp://127.0.0.1:8125', 'udp://127.0.0.1:8126'), false);
  assert.equal(check('udp://0.0.0.0:8125', 'udp://10.0.0.1:8125'), false);
});

test('an address that the machine has is where it listens itself', linux, async (t) => {
  const mine = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (!mine) return t.skip('NOT TESTED: this machine has no address besides that of the loopback');
  const [port] = await freePorts(1);
  const forward = [`udp://${mine.address}:${port}`];
  const statsd = await startStatsd(t, [`udp://0.0.0.0:${port}`], {}, { forward });
  await until('it says so', () => statsd.source.status().forward[0]!.error !== null);
  assert.match(statsd.source.status().forward[0]!.error!, /is where it listens itself/);
  await statsd.send('hits:1|c');
  await statsd.received(1);
  await statsd.end();
});

test('a server at a path that was started again is sent to again', linux, async (t) => {
  const path = join(await directory(t), 'other');
  const open = () => openDatagrams({ path }, { receiveBuffer: 65_536, timeout: 1 });
  const former = open();
  const statsd = await startStatsd(t, [FOUR], {}, { forward: [`unixgram://${path}`] });
  const forwarded = () => statsd.source.status().forward[0]!;
  await statsd.send('one:1|c');
  await until('it was repeated', () => forwarded().packets === 1);
  closeSocket(former.fd);
  unlinkSync(path);
  await statsd.send('two:1|c');
  await until('nobody has it', () => forwarded().lost === 1);
  await until('it says so', () => forwarded().error !== null);
  const next = open();
  t.after(() => closeSocket(next.fd));
  let sent = 2;
  await eventually('the next has one', async () => {
    await statsd.send('more:1|c');
    sent++;
    return forwarded().packets > 1;
  });
  await until('nothing is wrong', () => forwarded().error === null);
  await statsd.received(sent);
  await statsd.end();
});

test('a capture that begins before anything has come has the first packet', linux, async (t) => {
  const statsd = await startStatsd(t, [FOUR]);
  let captured = '';
  const sink = new Writable({
    write(bytes: Buffer, _, done) {
      captured += bytes.toString('latin1');
      done();
    },
  });
  assert.ok(statsd.source.capture(sink));
  await statsd.send('first:1|c');
  await until('it is captured', () => captured.includes('first:1|c'));
  await statsd.end();
});

test('what was captured is sent again as it came', linux, async (t) => {
  const dir = await directory(t);
  const [socket, file] = [join(dir, 'admin.sock'), join(dir, 'packets')];
  const statsd = await startStatsd(t, [FOUR, 'tcp://127.0.0.1:0']);
  await statsd.send('before:1|c');
  await statsd.received(1);
  let capturing = false;
  const admin = await startAdmin({
    listen: '127.0.0.1:0',
    socket,
    hosts: [],
    healthy: () => true,
    reasons: () => [],
    status: () => statusOf(),
    history: new History(() => statusOf()),
    tap: new Tap(),
    capture: (input, sink) => {
      assert.equal(input, 'statsd');
      const stop = statsd.source.capture(sink);
      assert.equal(statsd.source.capture(sink), null, 'one at a time');
      capturing = true;
      return stop;
    },
  });
  t.after(() => admin.close());
  const run = promisify(execFile);
  const captured = run(process.execPath, [
    MAIN,
    'statsd',
    'capture',
    '--admin',
    `unix:${socket}`,
    '--seconds',
    '3',
    '-o',
    file,
  ]);
  await until('it captures', () => capturing);
  for (let i = 0; i < 500; i++) await statsd.send(`hits:${i}|c\nlat:${i}|ms`);
  const client = connect(statsd.portOf(1), '127.0.0.1');
  client.end('line:1|c\n'.repeat(700));
  await statsd.received(1 + 1000 + 700);
  const { stderr } = await captured;
  assert.match(stderr, /^50\d packets, .* in .*packets: the agent|^5\d\d packets, \S+ \S+ in \S+\n$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const whole = readFileSync(file);
  // As after a machine that went down: the beginning is what it was.
  appendFileSync(file, whole.subarray(8, 20));

  const again = await startStatsd(t, [FOUR]);
  const replayed = await run(process.execPath, [
    MAIN,
    'statsd',
    'replay',
    file,
    '--to',
    again.addressOf(0),
    '--speed',
    'max',
  ]);
  assert.match(
    replayed.stderr,
    /^5\d\d packets were sent to udp:\S+; the file ends within a packet, which was not sent\n$/,
  );
  await again.received(1700);
  const of = (ended: Awaited<ReturnType<typeof statsd.end>>) =>
    ended.map(({ record: r }) => [r.name, r.value ?? r.sum]).filter(([name]) => name !== 'before');
  assert.deepEqual(of(await again.end()).sort(), of(await statsd.end()).sort());

  truncateSync(file, 5);
  const bad = run(process.execPath, [MAIN, 'statsd', 'replay', file]);
  await assert.rejects(bad, /was not made by runnel statsd capture/);
});
