import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { fstatSync } from 'node:fs';
import { test } from 'node:test';
import { DatagramReader } from '../../../../src/native/datagrams.ts';
import { closeSocket, datagramsAvailable, openDatagrams } from '../../../../src/native/sockets.ts';
import { kernelDrops } from '../../../../src/sources/statsd/receive/drops.ts';

test('the kernel says how many datagrams found the buffer full', { skip: !datagramsAvailable() }, async () => {
  const socket = openDatagrams({ host: '127.0.0.1', port: 0 }, { receiveBuffer: 4096, timeout: 1000 });
  const { ino } = fstatSync(socket.fd);
  assert.equal(kernelDrops(ino), 0);
  const sender = createSocket('udp4');
  for (let i = 0; i < 200; i++) {
    await new Promise((sent) => sender.send(Buffer.alloc(1000), socket.port, '127.0.0.1', sent));
  }
  sender.close();
  const reader = new DatagramReader(socket.fd, Buffer.from(new SharedArrayBuffer(65_536)), 0, 64, 1024);
  let read = 0;
  for (let n = reader.receive(false); n > 0; n = reader.receive(false)) read += n;
  assert.ok(read < 200);
  assert.equal(kernelDrops(ino), 200 - read);
  closeSocket(socket.fd);
});
