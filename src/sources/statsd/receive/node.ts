/** UDP by node:dgram, in the thread of StatsD: where libc cannot be called. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { BindPlace } from '../protocol.ts';

export interface NodeSocketEvents {
  bound(socket: Socket, port: number, receiveBuffer: number): void;
  failed(message: string): void;
  datagram(datagram: Uint8Array): void;
}

export function bindWithNode({ host, port, receiveBuffer }: BindPlace, heard: NodeSocketEvents): void {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: receiveBuffer });
  const fail = (error: Error & { code?: string }) => {
    // `bind EADDRINUSE 127.0.0.1:8125` says less.
    heard.failed(error.code === 'EADDRINUSE' ? 'address already in use' : error.message);
    socket.close();
  };
  socket.once('error', fail);
  socket.on('message', (datagram) => heard.datagram(datagram));
  socket.bind(port, host, () => {
    socket.off('error', fail);
    heard.bound(socket, socket.address().port, socket.getRecvBufferSize());
  });
}
