/**
 * A listener's socket, and who listens as long as nothing has come: libuv says when something does, so it costs no thread
 * and no wake.
 *
 *   bound -- first datagram -> heard: a worker is started, what comes meanwhile is kept -- handOver -> the worker reads
 *
 * A descriptor that libc has opened is closed by nobody when a thread ends. So all of them are opened here, and closed
 * here when the worker has done with them or is dead, at whatever moment that was.
 *
 * libuv reads by a descriptor of its own. Nothing is lost when that is closed: what it has read comes first, what it has
 * not is in the socket.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { closeSocket, duplicate, openUdp } from '../../native.ts';
import { POLL_MS } from './protocol.ts';

export class QuietSocket {
  readonly fd: number;
  readonly port: number;
  /** Bytes the kernel granted. */
  readonly receiveBuffer: number;
  readonly #ear: Socket;
  readonly #kept: Buffer[] = [];
  /** Bytes that may be kept here; the rest waits in the socket. */
  #room: number;
  /** The one that a worker's libuv was given: who closes it is not known before the worker has ended. */
  #lent: number | null = null;
  #hearing = true;
  #open = true;

  private constructor(host: string, port: number, receiveBuffer: number) {
    const socket = openUdp(host, port, receiveBuffer, POLL_MS);
    this.fd = socket.fd;
    this.port = socket.port;
    this.receiveBuffer = socket.receiveBuffer;
    this.#room = receiveBuffer;
    this.#ear = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    this.#ear.on('message', (datagram) => {
      this.#kept.push(datagram);
      this.#room -= datagram.length;
      if (this.#room < 0) this.#deafen();
    });
  }

  /** `host` is an IP address; port 0: any. */
  static async bind(host: string, port: number, receiveBuffer: number): Promise<QuietSocket> {
    const quiet = new QuietSocket(host, port, receiveBuffer);
    try {
      const listening = once(quiet.#ear, 'listening');
      quiet.#ear.bind({ fd: duplicate(quiet.fd) });
      await listening;
    } catch (error) {
      quiet.close();
      throw error;
    }
    return quiet;
  }

  /** True when something has come; false when the signal aborts before that. */
  async hears(signal: AbortSignal): Promise<boolean> {
    if (this.#kept.length === 0 && !signal.aborted) {
      await once(this.#ear, 'message', { signal }).catch((error: Error) => {
        if (!signal.aborted) throw error;
      });
    }
    // What came just before is told in the next turn of the loop.
    if (this.#kept.length === 0) await turn();
    if (this.#kept.length === 0) await turn();
    return this.#kept.length > 0;
  }

  /** A descriptor for the libuv of the worker, which is to close it. */
  lend(): number {
    this.#lent = duplicate(this.fd);
    return this.#lent;
  }

  /** What was kept. From now on only what the caller does reads from `fd`, until `close`. */
  handOver(): Buffer[] {
    this.#deafen();
    return this.#kept.splice(0);
  }

  /** No worker uses it any more. */
  close(): void {
    this.#deafen();
    if (!this.#open) return;
    this.#open = false;
    // Its number may be something else's by now.
    if (this.#lent !== null && isSame(this.#lent, this.fd)) closeSocket(this.#lent);
    closeSocket(this.fd);
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
