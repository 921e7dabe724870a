/** TCP, Unix datagrams and Unix streams, by real sockets and real clients: what is sent is counted, whatever the framing. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeSocket, datagramsAvailable, openDatagrams } from '../../../../src/native/sockets.ts';
import { containerIn, Origins } from '../../../../src/sources/statsd/receive/origins.ts';
import { FOUR, listenOn, startStatsd } from '../../../support/statsd.ts';
import { sendDatagrams } from '../../../support/unix-datagrams.ts';
import { until } from '../../../support/until.ts';

const linux = { skip: datagramsAvailable() ? false : 'NOT TESTED: libc cannot be called here' };

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'runnel-statsd-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

async function client(where: number | string): Promise<Socket> {
  const socket = typeof where === 'number' ? connect(where, '127.0.0.1') : connect(where);
  await new Promise<void>((connected, failed) => socket.once('connect', connected).once('error', failed));
  // It may be closed from the other side.
  socket.on('error', () => undefined);
  return socket;
}

/** Resolves when the other side has closed it. */
const closedBy = (socket: Socket) => new Promise<void>((closed) => socket.once('close', closed).resume());

/** With its length before it. */
function message(text: string): Buffer {
  const bytes = Buffer.alloc(4 + Buffer.byteLength(text));
  bytes.writeUInt32LE(bytes.length - 4);
  bytes.write(text, 4);
  return bytes;
}

const sums = (ended: Awaited<ReturnType<Awaited<ReturnType<typeof startStatsd>>['end']>>) =>
  Object.fromEntries(ended.map(({ record }) => [record.name, record.value]));

test('lines over TCP, cut anywhere, are the lines that were sent', linux, async (t) => {
  const statsd = await startStatsd(t, ['tcp://127.0.0.1:0', FOUR]);
  const text = Array.from({ length: 500 }, (_, i) => `hits.${i % 3}:1|c|#a:${i % 7}\n`).join('');
  const clients = await Promise.all([1, 2, 3].map(() => client(statsd.portOf(0))));
  for (const [i, socket] of clients.entries()) {
    for (let at = 0; at < text.length; at += 1 + ((at * 31 + i) % 97)) {
      socket.write(text.slice(at, at + 1 + ((at * 31 + i) % 97)));
      if (at % 11 === 0) await sleep(1);
    }
  }
  // The last line of one has no end.
  clients[0]!.end('last:1|c');
  await statsd.send('hits.0:1|c', 1);
  await statsd.received(1502);
  const listener = () => statsd.source.status().listeners[0]!;
  // Its last line is counted before it is closed.
  await until('one has ended', () => listener().connections === 2);
  assert.deepEqual([listener().lines, listener().rejected], [1501, 0]);
  for (const socket of clients) socket.destroy();
  const ended = await statsd.end();
  const total = ended
    .filter(({ record }) => record.name.startsWith('hits'))
    .reduce((s, { record }) => s + record.value, 0);
  assert.deepEqual([total, ended.find(({ record }) => record.name === 'last')?.record.value], [1501, 1]);
});

test('of a thousand connections that come at once each is whole from its first byte', linux, async (t) => {
  const statsd = await startStatsd(t, ['tcp://127.0.0.1:0'], {}, { max_connections: 1000 });
  const line = 'hits:1|c|#a:b\n';
  // The thread that accepts them is being started.
  const clients = await Promise.all(Array.from({ length: 1000 }, () => client(statsd.portOf(0))));
  for (const socket of clients) socket.setNoDelay(true);
  for (const byte of line) {
    for (const socket of clients) socket.write(byte);
    await sleep(1);
  }
  await statsd.received(1000);
  for (const socket of clients) socket.destroy();
  assert.deepEqual(sums(await statsd.end()), { hits: 1000 });
});

test('over a path, messages with their length and lines are told apart', linux, async (t) => {
  const path = join(await directory(t), 'stream.sock');
  const statsd = await startStatsd(t, [`unixstream://${path}`]);
  assert.equal(statSync(path).mode & 0o777, 0o722);
  const [framed, lines] = [await client(path), await client(path)];
  const bytes = Buffer.concat([message('a:1|c\na:2|c'), message(''), message('a:4|c|#x:1'), message('b:1|g')]);
  for (const byte of bytes) framed.write(Buffer.from([byte]));
  lines.write('a:8|c\nb:');
  await statsd.received(5);
  lines.end('2|g\n');
  framed.destroy();
  await statsd.received(6);
  const ended = await statsd.end();
  const all = ended.map(({ record }) => [record.name, record.attributes.x, record.value]);
  assert.deepEqual(all, [
    ['a', undefined, 11],
    ['a', '1', 4],
    ['b', undefined, 2],
  ]);
  assert.equal(existsSync(path), false, 'its name goes with it');
});

test('what is too long is counted, and hurts nobody else', linux, async (t) => {
  const path = join(await directory(t), 's');
  const statsd = await startStatsd(t, ['tcp://127.0.0.1:0', `unixstream://${path}`]);
  const [long, framed, cut] = [await client(statsd.portOf(0)), await client(path), await client(path)];
  long.write(`${'x'.repeat(300_000)}:1|c\nafter:1|c\n`);
  const closed = closedBy(framed);
  framed.write(Buffer.from([0, 0, 16, 0]));
  await closed;
  cut.end(message('a:1|c').subarray(0, 7));
  await statsd.received(4);
  assert.deepEqual(statsd.account.losses.get('malformed:length')?.records, 3);
  long.destroy();
  assert.deepEqual(sums(await statsd.end()), { after: 1 });
});

test('a message that is too long is one, also where its length came in pieces', linux, async (t) => {
  const path = join(await directory(t), 's');
  const statsd = await startStatsd(t, [`unixstream://${path}`]);
  const framed = await client(path);
  framed.write(Buffer.concat([message('b:1|c'), Buffer.from([0, 0])]));
  await statsd.received(1);
  const closed = closedBy(framed);
  framed.write(Buffer.from([16, 0, 1]));
  await closed;
  await statsd.received(2);
  assert.deepEqual(sums(await statsd.end()), { b: 1 });
  assert.equal(statsd.account.losses.get('malformed:length')?.records, 1);
});

test('a line of nearly the longest that comes in many pieces is one, and so is the message', linux, async (t) => {
  const path = join(await directory(t), 's');
  const statsd = await startStatsd(t, [`unixstream://${path}`], {}, { max_length: 100_000 });
  const [lines, framed] = [await client(path), await client(path)];
  const long = (name: string) => `${name}:1|c|#tag:${'x'.repeat(60_000)}`;
  for (const [socket, bytes] of [
    [lines, Buffer.from(`${long('line')}\nline:2|c\n`)],
    [framed, Buffer.concat([message(long('message')), message('message:2|c')])],
  ] as const) {
    for (let at = 0; at < bytes.length; at += 997) {
      socket.write(bytes.subarray(at, at + 997));
      if (at % 4985 === 0) await sleep(1);
    }
  }
  await statsd.received(4);
  lines.destroy();
  framed.destroy();
  const ended = (await statsd.end()).map(({ record }) => [record.name, record.attributes.tag?.length, record.value]);
  assert.deepEqual(ended.sort(), [
    ['line', undefined, 2],
    ['line', 60_000, 1],
    ['message', undefined, 2],
    ['message', 60_000, 1],
  ]);
});

test('connections have a limit, and those over TCP that bring nothing an end', linux, async (t) => {
  const path = join(await directory(t), 's');
  const config = { max_connections: 4, idle_timeout: 300 };
  const statsd = await startStatsd(t, ['tcp://127.0.0.1:0', `unixstream://${path}`], {}, config);
  const open = () => statsd.source.status().listeners.reduce((sum, { connections }) => sum + connections!, 0);
  const held: Socket[] = [];
  const local = await client(path);
  for (let i = 1; i <= 4; i++) {
    // Connected is not yet accepted.
    while (open() < i) await sleep(5);
    if (i < 4) held.push(await client(statsd.portOf(0)));
  }
  const closed = held.map(closedBy);
  await closedBy(await client(statsd.portOf(0)));
  await Promise.all(closed);
  local.write('still:1|c\n');
  await statsd.received(1);
  const [tcp, unix] = statsd.source.status().listeners;
  assert.deepEqual([tcp!.connections, tcp!.refused_connections, unix!.connections], [0, 1, 1]);
  local.destroy();
  await statsd.end();
});

test('Unix datagrams are counted, the largest too, and nobody else’s name is taken', linux, async (t) => {
  const path = join(await directory(t), 'gram.sock');
  // What a process has left that was killed.
  closeSocket(openDatagrams({ path }, { receiveBuffer: 4096, timeout: 1 }).fd);
  const statsd = await startStatsd(t, [`unixgram://${path}`]);
  assert.equal(statSync(path).mode & 0o777, 0o722);
  const many = Array.from({ length: 3000 }, (_, i) => `hits:1|c\nlat:${i}|ms`);
  await sendDatagrams(path, [...many, Array(2000).fill('big:1|c|#tag:0123456789').join('\n')]);
  await statsd.received(8000);
  const second = await startStatsd(t, [`unixgram://${path}`]);
  await assert.rejects(second.source.ready, { message: `cannot listen on unixgram://${path}: address already in use` });
  const ended = await statsd.end();
  assert.deepEqual([sums(ended).hits, sums(ended).big], [3000, 2000]);

  writeFileSync(path, 'precious');
  const third = await startStatsd(t, [`unixgram://${path}`]);
  await assert.rejects(third.source.ready, /there is a file of this name that is no socket/);
  assert.ok(existsSync(path));
});

test('a path at which a server answers is not taken', linux, async (t) => {
  const path = join(await directory(t), 's');
  const server = createServer().listen(path);
  t.after(() => server.close());
  await new Promise((listening) => server.once('listening', listening));
  const statsd = await startStatsd(t, [`unixstream://${path}`]);
  await assert.rejects(statsd.source.ready, /address already in use/);
});

test('with origin a sample says which container has sent it; the same series of two is two', linux, async (t) => {
  const [one, two] = ['a', 'b'].map((letter) => letter.repeat(64));
  const folder = await directory(t);
  const paths = ['unixgram', 'unixstream'].map((kind) => `${kind}://${folder}/${kind}`);
  const entries = listenOn(...paths).map((entry) => ({ ...entry, origin: true }));
  const statsd = await startStatsd(t, entries);
  const groups = await containers(t, [one!, two!]);
  if (!groups) return t.skip('NOT TESTED: no cgroup can be made here');
  const send = (group: string, times: number) =>
    run('sh', ['-c', `echo $$ > ${group}/cgroup.procs && exec ${process.execPath} ${SENDER} ${folder} ${times}`]);
  const senders = [send(groups[0]!, 40), send(groups[1]!, 7)];
  await statsd.received(2 * 47);
  for (const { end } of senders) await end();
  const ended = (await statsd.end()).map(({ record }) => [
    record.name,
    record.attributes['container.id'],
    record.value,
  ]);
  assert.deepEqual(ended.sort(), [
    ['gram', one, 40],
    ['gram', two, 7],
    ['stream', one, 40],
    ['stream', two, 7],
  ]);
});

test('containers that come and go without end are all known, each by a number of its own', () => {
  const origins = new Origins((process) => `0::/docker-${process.toString(16).padStart(64, '0')}.scope`);
  const numbers = new Set<number>();
  for (let process = 1; process <= 40_000; process++) {
    const origin = origins.of(process)!;
    assert.equal(Number.parseInt(origin.container, 16), process);
    numbers.add(origin.number);
    assert.equal(origins.of(process), origin);
  }
  assert.equal(numbers.size, 40_000);
});

test('a container is found in the names that runtimes give cgroups', () => {
  const id = '0123456789abcdef'.repeat(4);
  for (const [text, found] of [
    [`0::/system.slice/docker-${id}.scope`, id],
    [`12:cpu:/docker/${id}\n0::/`, id],
    [`0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope`, id],
    [`1:name=systemd:/kubepods/burstable/pod0-1-2/crio-${id}`, id],
    [`0::/ecs/0123456789abcdef0123456789abcdef-1234567890`, '0123456789abcdef0123456789abcdef-1234567890'],
    [`0::/machine.slice/libpod-${id}.scope/container`, id],
    [`9:name=systemd:/libpod_parent/libpod-${id}`, id],
    [`0::/system.slice/docker-${id}.scope/system.slice/app.service`, id],
    [`0::/docker/${'f'.repeat(64)}/kubelet/kubepods/burstable/pod0-1-2/${id}/init.scope`, id],
    ['4:memory:/system.slice/garden/01234567-89ab-cdef-0123-4567', '01234567-89ab-cdef-0123-4567'],
    ['0::/kubepods/burstable/pod01234567-89ab-cdef-0123-456789abcdef', null],
    ['0::/user.slice/user-1000.slice', null],
    ['', null],
  ] as const) {
    assert.equal(containerIn(text), found, text);
  }
});

const SENDER = join(import.meta.dirname, '../../../support/statsd-sender.ts');

/** Lives until `end`, which ends its input. */
function run(program: string, args: string[]): { end: () => Promise<void> } {
  const child = spawn(program, args, { stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = new Promise<void>((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code) => (code === 0 ? done() : failed(new Error(`exit code ${code}`))));
  });
  return {
    end: () => {
      child.stdin.end();
      return ended;
    },
  };
}

/** Groups as a runtime names them; null where none can be made. */
async function containers(t: TestContext, ids: string[]): Promise<string[] | null> {
  const { mkdirSync, rmdirSync } = await import('node:fs');
  const roots = ['/sys/fs/cgroup', '/sys/fs/cgroup/pids', '/sys/fs/cgroup/cpu'];
  for (const root of roots) {
    const made: string[] = [];
    try {
      for (const id of ids) {
        const group = `${root}/runnel-test-${process.pid}-${id}.scope`;
        mkdirSync(group);
        made.push(group);
        statSync(`${group}/cgroup.procs`);
      }
      t.after(() => {
        for (const group of made) rmdirSync(group);
      });
      return made;
    } catch {
      for (const group of made) rmdirSync(group);
    }
  }
  return null;
}
