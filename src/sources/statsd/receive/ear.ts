/**
 * Who listens on a UDP socket as long as nothing has come: libuv says when something does, so it costs no thread and no
 * wake.
 *
 *   bound -- first datagram -> heard: the thread is started, what comes meanwhile is kept -- close -> the thread reads
 *
 * libuv reads by a descriptor of its own. Nothing is lost when that is closed: what it has read comes first, what it has
 * not is in the socket.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { duplicate } from '../../../native/sockets.ts';
import type { ListenSocket } from './socket.ts';

export class Ear {
  readonly #socket: Socket;
  /** Bytes that may be kept of it; the rest waits in the socket. */
  #room: number;
  #hearing = true;

  private constructor(type: 'udp4' | 'udp6', room: number, heard: (datagram: Buffer) => void) {
    this.#room = room;
    this.#socket = createSocket(type);
    // What there is to be heard the thread hears: an empty datagram starts it.
    this.#socket.on('error', () => {
      this.close();
      heard(Buffer.alloc(0));
    });
    this.#socket.on('message', (datagram) => {
      this.#room -= datagram.length;
      if (this.#room < 0) this.close();
      heard(datagram);
    });
  }

  /** `heard` is given what comes until `close`, at most `room` bytes. */
  static async on(
    { fd }: ListenSocket,
    type: 'udp4' | 'udp6',
    room: number,
    heard: (datagram: Buffer) => void,
  ): Promise<Ear> {
    const ear = new Ear(type, room, heard);
    try {
      const listening = once(ear.#socket, 'listening');
      ear.#socket.bind({ fd: duplicate(fd) });
      await listening;
    } catch (error) {
      ear.close();
      throw error;
    }
    return ear;
  }

  close(): void {
    if (this.#hearing) this.#socket.close();
    this.#hearing = false;
  }
}
