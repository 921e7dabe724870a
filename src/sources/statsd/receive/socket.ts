/**
 * The socket of a listener. A descriptor that libc has opened is closed by nobody when a thread ends. So all of them are
 * opened here, on the main thread, and closed here when the thread has done with them or is dead, at whatever moment.
 *
 * A path is taken over from a socket that nobody answers at, never from anything else; anybody may send to it, as Datadog's
 * agent has it: who may reach it is what its directory says.
 */
import { chmodSync, unlinkSync } from 'node:fs';
import { log } from '../../../log.ts';
import { lstatSync, needHere } from '../../../mounts/fs.ts';
import { inheritedAt } from '../../../native/inherited.ts';
import {
  answersAt,
  type BoundSocket,
  closeSocket,
  openDatagrams,
  openListener,
  prepareDatagrams,
  type SocketPlace,
  setWaiting,
  socketPlace,
} from '../../../native/sockets.ts';
import { POLL_MS } from '../protocol.ts';

/** Everybody may write, which is what sending is. */
const MODE = 0o722;

export type Reception = 'datagrams' | 'connections';

export interface ReceiveOptions {
  /** Bytes. */
  receiveBuffer: number;
  /** Each datagram says which process has sent it. */
  credentials: boolean;
}

export class ListenSocket {
  readonly fd: number;
  readonly reception: Reception;
  /** Of an IP address. */
  readonly port: number;
  /** Bytes the kernel granted; of connections: none was asked for. */
  readonly receiveBuffer: number | null;
  readonly #path: string | null;
  /** Of the file that is the socket's name. */
  readonly #inode: number | null;
  #open = true;

  private constructor(socket: BoundSocket, reception: Reception, path: string | null) {
    this.fd = socket.fd;
    this.reception = reception;
    this.port = socket.port;
    this.receiveBuffer = reception === 'datagrams' ? socket.receiveBuffer : null;
    this.#path = path;
    this.#inode = path === null ? null : lstatSync(path).ino;
  }

  /** The one that systemd has bound there, or a new one. Throws the reason in the system's words. */
  static open(place: SocketPlace, reception: Reception, { receiveBuffer, credentials }: ReceiveOptions): ListenSocket {
    const options = { receiveBuffer, timeout: POLL_MS, credentials };
    const inherited = inheritedAt(place, reception);
    if (inherited !== null) {
      const granted = reception === 'datagrams' ? prepareDatagrams(inherited, options) : 0;
      // systemd's are such that each call waits: the thread would, for a second connection.
      setWaiting(inherited, false);
      const bound = socketPlace(inherited);
      const port = bound && 'port' in bound ? bound.port : 0;
      // Its name is systemd's.
      return new ListenSocket({ fd: inherited, port, receiveBuffer: granted }, reception, null);
    }
    const path = 'path' in place ? place.path : null;
    if (path !== null) {
      needHere(path, 'name');
      makeWay(path, reception);
    }
    const socket = reception === 'datagrams' ? openDatagrams(place, options) : openListener(place);
    try {
      if (path !== null) chmodSync(path, MODE);
      return new ListenSocket(socket, reception, path);
    } catch (error) {
      closeSocket(socket.fd);
      throw error;
    }
  }

  /** False: its name is gone, or another's, so nothing new comes. */
  get reachable(): boolean {
    return this.#path === null || inodeOf(this.#path) === this.#inode;
  }

  /** The thread does not use it any more. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // Another process may have taken the name over.
    const path = this.reachable ? this.#path : null;
    closeSocket(this.fd);
    try {
      if (path !== null) unlinkSync(path);
    } catch (error) {
      log.warn(`statsd: cannot remove ${path}: ${(error as Error).message}`);
    }
  }
}

function inodeOf(path: string): number | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.ino ?? null;
  } catch {
    // Something else is mounted there now, or its directory is closed to the agent: nobody comes to it by this name.
    return null;
  }
}

/** What a process has left that was killed is removed. */
function makeWay(path: string, reception: Reception): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isSocket()) throw new Error('there is a file of this name that is no socket');
  if (answersAt(path, reception)) throw new Error('address already in use');
  unlinkSync(path);
}
