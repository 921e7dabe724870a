/**
 * A UDP listener's socket, and who listens as long as nothing has come: libuv says when something does, so it costs no
 * thread and no wake.
 *
 *   bound -- first datagram -> heard: the thread is started, what comes meanwhile is kept -- handOver -> the thread reads
 *
 * A descriptor that libc has opened is closed by nobody when a thread ends. So all of them are opened here, and closed
 * here when the thread has done with them or is dead, at whatever moment that was.
 *
 * libuv reads by a descriptor of its own. Nothing is lost when that is closed: what it has read comes first, what it has
 * not is in the socket.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { closeSocket, duplicate, openUdp } from '../../../native/sockets.ts';
import { POLL_MS } from '../protocol.ts';

export class QuietSocket {
  readonly port: number;
  readonly type: 'udp4' | 'udp6';
  /** Bytes the kernel granted. */
  readonly receiveBuffer: number;
  readonly #fd: number;
  readonly #ear: Socket;
  /** Bytes that may be kept of it; the rest waits in the socket. */
  #room: number;
  /** The one that the thread's libuv was given: who closes it is not known before the thread has ended. */
  #lent: number | null = null;
  #hearing = true;
  #open = true;

  private constructor(host: string, port: number, receiveBuffer: number, heard: (datagram: Buffer) => void) {
    this.type = isIPv6(host) ? 'udp6' : 'udp4';
    const socket = openUdp(host, port, receiveBuffer, POLL_MS);
    this.#fd = socket.fd;
    this.port = socket.port;
    this.receiveBuffer = socket.receiveBuffer;
    this.#room = receiveBuffer;
    this.#ear = createSocket(this.type);
    this.#ear.on('message', (datagram) => {
      this.#room -= datagram.length;
      if (this.#room < 0) this.#deafen();
      heard(datagram);
    });
  }

  /** `host` is an IP address; port 0: any. `heard` is given what comes until `handOver`, at most `receiveBuffer` bytes. */
  static async bind(
    host: string,
    port: number,
    receiveBuffer: number,
    heard: (datagram: Buffer) => void,
  ): Promise<QuietSocket> {
    const quiet = new QuietSocket(host, port, receiveBuffer, heard);
    try {
      const listening = once(quiet.#ear, 'listening');
      quiet.#ear.bind({ fd: duplicate(quiet.#fd) });
      await listening;
    } catch (error) {
      quiet.close();
      throw error;
    }
    return quiet;
  }

  /** From now on only what the caller does reads from `fd`, until `close`; `copy` is for its libuv, which is to close it. */
  handOver(): { fd: number; copy: number } {
    this.#deafen();
    this.#lent = duplicate(this.#fd);
    return { fd: this.#fd, copy: this.#lent };
  }

  /** The thread does not use it any more. */
  close(): void {
    this.#deafen();
    if (!this.#open) return;
    this.#open = false;
    // Its number may be something else's by now.
    if (this.#lent !== null && isSame(this.#lent, this.#fd)) closeSocket(this.#lent);
    closeSocket(this.#fd);
  }

  #deafen(): void {
    if (this.#hearing) this.#ear.close();
    this.#hearing = false;
  }
}

/** True if both descriptors are of one socket. */
function isSame(a: number, b: number): boolean {
  try {
    const [one, other] = [fstatSync(a), fstatSync(b)];
    return one.dev === other.dev && one.ino === other.ino;
  } catch {
    // It is closed.
    return false;
  }
}
