/** What the world does to sockets: names that vanish, descriptors that run out, floods beside idle connections, reloads. */
// Slow: waits for names to be looked at.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, unlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Reopened } from '../../../../src/core/input.ts';
import { closeSocket, datagramsAvailable, openDatagrams, socketPlace } from '../../../../src/native/sockets.ts';
import { KeptSockets } from '../../../../src/sources/statsd/receive/kept.ts';
import { FOUR, startStatsd } from '../../../support/statsd.ts';
import { sendDatagrams } from '../../../support/unix-datagrams.ts';
import { until } from '../../../support/until.ts';

const linux = { skip: datagramsAvailable() ? false : 'NOT TESTED: libc cannot be called here' };

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'runnel-trouble-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test(
  'a socket whose name is gone is bound again, and what comes to the others meanwhile is not lost',
  linux,
  async (t) => {
    const path = join(await directory(t), 's');
    const kept = new KeptSockets();
    t.after(() => kept.only([]));
    const first = await startStatsd(t, [`unixgram://${path}`, FOUR], { kept });
    await sendDatagrams(path, ['a:1|c']);
    await first.send('b:1|c', 1);
    await first.received(2);
    unlinkSync(path);
    await assert.rejects(first.running, /s: its file is gone, or another program has put its own there/);
    for (let i = 0; i < 50; i++) await first.send('b:1|c', 1);
    const second = await startStatsd(t, [`unixgram://${path}`, FOUR], { kept, unbound: 'missed' });
    assert.equal(second.addressOf(1), first.addressOf(1));
    await sendDatagrams(path, ['a:1|c']);
    await second.received(51);
    const values = (await second.end()).map(({ record }) => [record.name, record.value]);
    assert.deepEqual(values.sort(), [
      ['a', 1],
      ['b', 50],
    ]);
    assert.equal(existsSync(path), false);
  },
);

test(
  'over a reload sockets stay bound; those that are not configured any more, and all at a stop, are closed',
  linux,
  async (t) => {
    const kept = new KeptSockets();
    const listen = [FOUR, 'tcp://127.0.0.1:0'];
    const first = await startStatsd(t, listen, { kept });
    await first.send('hits:1|c');
    await first.received(1);
    first.stop.abort(new Reopened());
    await first.running;
    for (let i = 0; i < 100; i++) await first.send('hits:1|c');
    const client = connect(first.portOf(1), '127.0.0.1').on('error', () => undefined);
    await once(client, 'connect');
    client.write('hits:1|c\n');
    const second = await startStatsd(t, listen, { kept });
    await second.received(101);
    second.stop.abort(new Reopened());
    await second.running;
    client.destroy();
    kept.only([FOUR]);
    const refused = connect(first.portOf(1), '127.0.0.1');
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
    const third = await startStatsd(t, [FOUR], { kept });
    assert.equal(third.addressOf(0), first.addressOf(0));
    await third.end();
    const free = openDatagrams({ host: '127.0.0.1', port: third.portOf(0) }, { receiveBuffer: 4096, timeout: 1 });
    closeSocket(free.fd);
  },
);

test('without a descriptor for it a connection waits, which costs next to nothing', linux, async (t) => {
  if (spawnSync('prlimit', ['--version']).status !== 0) return t.skip('NOT TESTED: prlimit is not installed');
  const statsd = await startStatsd(t, ['tcp://127.0.0.1:0', FOUR]);
  await statsd.send('udp:1|c', 1);
  await statsd.received(1);
  const program =
    'import socket,sys\nsys.stdin.readline()\nfor i in range(8):\n s=socket.create_connection(("127.0.0.1",int(sys.argv[1])))\n s.sendall(b"tcp:1|c\\n")\n s.close()\n';
  const client = spawn('python3', ['-c', program, String(statsd.portOf(0))], { stdio: ['pipe', 'ignore', 'inherit'] });
  const limit = (soft: string) => spawnSync('prlimit', ['--pid', String(process.pid), `--nofile=${soft}:`]);
  const had = spawnSync('prlimit', ['--pid', String(process.pid), '--nofile', '-o', 'SOFT', '--noheadings']);
  const filler: number[] = [];
  const restore = () => {
    for (const fd of filler.splice(0)) closeSync(fd);
  };
  t.after(restore);
  limit(String(Math.max(64, openSync('/dev/null', 'r') + 1)));
  try {
    for (;;) filler.push(openSync('/dev/null', 'r'));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE');
  }
  client.stdin.write('go\n');
  await once(client, 'exit');
  const before = process.cpuUsage();
  await sleep(600);
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 200_000, `${user + system} us in 600 ms`);
  await statsd.send('udp:1|c', 1);
  await statsd.received(2);
  restore();
  limit(had.stdout.toString().trim());
  await statsd.received(10);
  const values = (await statsd.end()).map(({ record }) => [record.name, record.value]);
  assert.deepEqual(values, [
    ['udp', 2],
    ['tcp', 8],
  ]);
});

test('a window ends although nothing comes any more, where there are connections only', linux, async (t) => {
  const statsd = await startStatsd(t, ['tcp://127.0.0.1:0'], {}, { flush_interval: 200 });
  const client = connect(statsd.portOf(0), '127.0.0.1').on('error', () => undefined);
  for (let i = 0; i < 60; i++) {
    client.write('hits:1|c\n');
    await sleep(5);
  }
  await until('all is written out', () => statsd.weight() === 60);
  client.destroy();
});

test('connections that bring nothing are closed although datagrams come all the time', linux, async (t) => {
  const statsd = await startStatsd(t, ['tcp://127.0.0.1:0', FOUR], {}, { idle_timeout: 300 });
  const sending = setInterval(() => {
    for (let i = 0; i < 20; i++) void statsd.send('hits:1|c', 1);
  }, 1);
  t.after(() => clearInterval(sending));
  const idle = connect(statsd.portOf(0), '127.0.0.1');
  await once(idle.resume(), 'close');
  clearInterval(sending);
  await statsd.end();
});

test('of a datagram that is too long the whole lines count, and the one that was cut is lost', linux, async (t) => {
  const path = join(await directory(t), 's');
  const statsd = await startStatsd(t, [`unixgram://${path}`]);
  const line = 'a:1|c|#tag:0123456789';
  await sendDatagrams(path, [Array(4000).fill(line).join('\n'), 'x'.repeat(100_000)]);
  const whole = Math.floor(65_792 / (line.length + 1));
  await statsd.received(whole + 2);
  assert.equal(statsd.account.losses.get('malformed:length')?.records, 2);
  const ended = (await statsd.end()).map(({ record }) => [record.attributes.tag, record.value]);
  assert.deepEqual(ended, [['0123456789', whole]]);
});

test('addresses of IPv6 are what they say, however they are written', linux, (t) => {
  const bound = (host: string) => {
    const { fd } = openDatagrams({ host, port: 0 }, { receiveBuffer: 4096, timeout: 1 });
    const place = socketPlace(fd)!;
    closeSocket(fd);
    return 'host' in place ? place.host : null;
  };
  assert.equal(bound('::1'), '0:0:0:0:0:0:0:1');
  assert.equal(bound('::ffff:127.0.0.1'), '0:0:0:0:0:ffff:7f00:1');
  const links = Object.entries(networkInterfaces()).flatMap(([name, all]) => {
    return all!.filter((a) => a.address.startsWith('fe80')).map(({ address }) => `${address}%${name}`);
  });
  if (links.length === 0) return t.diagnostic('NOT TESTED: there is no link-local address here');
  assert.match(bound(links[0]!)!, /^fe80:/);
});
