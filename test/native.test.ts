import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { DatagramReader } from '../src/native/datagrams.ts';
import { nativeAvailable } from '../src/native/libc.ts';
import { closeSocket, datagramsAvailable, openDatagrams, sdNotify } from '../src/native/sockets.ts';
import { openWithoutLinks, tryLock } from '../src/native.ts';

test('a lock is held by one descriptor at a time and ends with it', { skip: !nativeAvailable() }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-native-'));
  const first = openSync(join(dir, 'lock'), 'w');
  const second = openSync(join(dir, 'lock'), 'w');
  try {
    assert.equal(tryLock(first), true);
    assert.equal(tryLock(second), false);
    closeSync(first);
    assert.equal(tryLock(second), true);
  } finally {
    closeSync(second);
    rmSync(dir, { recursive: true });
  }
});

test('a descriptor that is not open cannot be locked', { skip: !nativeAvailable() }, () => {
  assert.throws(() => tryLock(9999), /cannot lock: bad file descriptor/);
});

const linux = { skip: !datagramsAvailable() };

test('datagrams are read by the batch, each to its own place', linux, async () => {
  const options = { receiveBuffer: 1 << 20, timeout: 1000 };
  for (const host of ['127.0.0.1', '::1']) {
    const socket = openDatagrams({ host, port: 0 }, options);
    try {
      assert.ok(socket.receiveBuffer >= 212_992);
      const memory = Buffer.from(new SharedArrayBuffer(8 * 1024));
      const reader = new DatagramReader(socket.fd, memory, 1024, 4, 1024);
      assert.equal(reader.receive(false), 0);
      const sender = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
      for (const text of ['one', 'two', 'three'])
        await new Promise((sent) => sender.send(text, socket.port, host, sent));
      sender.close();
      const got: string[] = [];
      while (got.length < 3) {
        const n = reader.receive(true);
        for (let i = 0; i < n; i++)
          got.push(memory.toString('utf8', 1024 * (1 + i), 1024 * (1 + i) + reader.length(i)));
      }
      assert.deepEqual(got, ['one', 'two', 'three']);
      assert.throws(() => openDatagrams({ host, port: socket.port }, options), { message: 'address already in use' });
    } finally {
      closeSocket(socket.fd);
    }
  }
});

test('systemd is told over its socket, and without one nothing happens', linux, async () => {
  sdNotify('READY=1');
  const dir = mkdtempSync(join(tmpdir(), 'runnel-native-'));
  const path = join(dir, 'notify');
  // Node has no Unix datagram sockets: the other end is Python's.
  const peer = spawn('python3', [
    '-c',
    'import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("bound", flush=True); print(s.recv(100).decode())',
    path,
  ]);
  try {
    const lines = createInterface(peer.stdout)[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, 'bound');
    process.env.NOTIFY_SOCKET = path;
    sdNotify('READY=1\nSTATUS=up');
    assert.equal((await lines.next()).value, 'READY=1');
    assert.equal((await lines.next()).value, 'STATUS=up');
    await rm(path);
    assert.throws(() => sdNotify('READY=1'), /no such file/);
  } finally {
    delete process.env.NOTIFY_SOCKET;
    peer.kill();
    rmSync(dir, { recursive: true });
  }
});

test('what is opened without links is not reached over one', { skip: process.platform !== 'linux' }, (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-native-'));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'real'));
  writeFileSync(join(dir, 'real/a.log'), 'a');
  symlinkSync('real', join(dir, 'linked'));
  symlinkSync('a.log', join(dir, 'real/b.log'));
  const fd = openWithoutLinks(join(dir, 'real/a.log'), constants.O_RDONLY);
  // A kernel before 5.6 has no such call.
  if (fd === null) return t.skip('there is no openat2 here');
  assert.equal(readFileSync(fd, 'utf8'), 'a');
  closeSync(fd);
  for (const name of ['linked/a.log', 'real/b.log', 'real/none.log'])
    assert.equal(openWithoutLinks(join(dir, name), constants.O_RDONLY), null, name);
});
