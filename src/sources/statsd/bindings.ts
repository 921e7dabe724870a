/**
 * The sockets of the listeners: bound here, and quiet until something comes on one of them; then all are the thread's.
 *
 *   bind --> quiet (an Ear, or nobody: only the thread hears of it) -- something has come --> hand over --> close, or keep
 */
import { isIPv6 } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { aborted, Backoff, pause } from '../../core/abort.ts';
import { log } from '../../log.ts';
import type { SocketPlace } from '../../native/sockets.ts';
import type { Listener } from './listener.ts';
import type { HandedSocket } from './protocol.ts';
import { Ear } from './receive/ear.ts';
import { Heard } from './receive/heard.ts';
import type { KeptSockets } from './receive/kept.ts';
import type { ListenSocket } from './receive/socket.ts';
import type { AggregatingThread } from './thread.ts';

/** Whether the names of sockets are theirs still is looked at this often. */
const NAMES_EVERY_MS = 2000;

export interface BindingsOptions {
  listeners: readonly Listener[];
  thread: AggregatingThread;
  /** Where sockets come from, and are left for who comes after. */
  kept: KeptSockets;
  /** Bytes. */
  receiveBuffer: number;
  /** False: the thread binds them itself, by node:dgram. */
  native: boolean;
}

export class Bindings {
  readonly #o: BindingsOptions;
  /** By listener, of those that are bound here. */
  readonly #sockets = new Map<number, ListenSocket>();
  /** Of those of them that the thread has not got. */
  readonly #quiet = new Map<number, Ear | null>();
  /** What has come on them, in its order. */
  readonly #kept = new Heard();
  readonly #heard = Promise.withResolvers<void>();
  /** It takes sockets. */
  #threadReady = false;

  constructor(options: BindingsOptions) {
    this.#o = options;
  }

  /** Null when it is bound, or why it is not. */
  async bind(i: number): Promise<Error | null> {
    const listener = this.#o.listeners[i]!;
    const wanted = this.#o.receiveBuffer;
    try {
      const place = await listener.located();
      if (this.#o.native) await this.#open(i, place, wanted);
      else if ('path' in place || listener.reception === 'connections')
        throw new Error('only udp:// is served where koffi cannot be loaded');
      else {
        const { host, port } = place;
        const bound = await this.#o.thread.bind({ listener: i, host, port, receiveBuffer: wanted });
        listener.bound(bound.port, bound.receiveBuffer, wanted);
      }
      return null;
    } catch (error) {
      return listener.fail(error as Error);
    }
  }

  /** Until it can be bound: the others are heard meanwhile. `close` closes what is bound when the signal has aborted. */
  async bindAgain(i: number, error: Error, signal: AbortSignal, close: () => void): Promise<void> {
    log.warn(`statsd: ${error.message}; it is tried again`);
    const backoff = new Backoff();
    try {
      do await backoff.wait(signal);
      while ((await this.bind(i)) !== null);
    } catch {
      // The signal ends the wait.
      return;
    }
    if (signal.aborted) close();
    else if (this.#threadReady) this.handOver();
  }

  /** True when something has come on one of them, or one can be heard by the thread only; false when the signal aborts before that. */
  async hears(signal: AbortSignal): Promise<boolean> {
    await Promise.race([this.#heard.promise, aborted(signal)]);
    const needed = () => this.#kept.size > 0 || [...this.#quiet.values()].includes(null);
    // What came just before is told in the next turn of the loop.
    for (let turns = 0; !needed() && turns < 2; turns++) await turn();
    return needed();
  }

  /** The thread can take them, and receives from now on. */
  handOver(): void {
    this.#threadReady = true;
    const sockets = [...this.#quiet].map(([i, ear]): HandedSocket => {
      ear?.close();
      const { reception, local, origin } = this.#o.listeners[i]!;
      return { listener: i, fd: this.#sockets.get(i)!.fd, reception, local, origin };
    });
    this.#quiet.clear();
    this.#o.thread.take(sockets, this.#kept.takeAll());
  }

  /** Ends the thread when a path leads to another socket, or to none: the next life binds it. Resolves with the reason. */
  async watchNames(signal: AbortSignal): Promise<Error | null> {
    const { listeners, thread } = this.#o;
    const named = [...this.#sockets].filter(([i]) => listeners[i]!.local);
    while (named.length > 0 && (await pause(NAMES_EVERY_MS, signal))) {
      const lost = named.find(([, socket]) => !socket.reachable);
      if (!lost) continue;
      thread.stop();
      return listeners[lost[0]]!.fail(new Error('its file is gone, or another program has put its own there'));
    }
    return null;
  }

  /** `keep`: for who comes after. */
  close(keep: boolean): void {
    for (const ear of this.#quiet.values()) ear?.close();
    for (const [i, socket] of this.#sockets) {
      const { configured, origin } = this.#o.listeners[i]!;
      const options = { receiveBuffer: this.#o.receiveBuffer, credentials: origin };
      if (keep) this.#o.kept.keep(configured, options, socket);
      else socket.close();
    }
    this.#sockets.clear();
  }

  async #open(i: number, place: SocketPlace, wanted: number): Promise<void> {
    const listener = this.#o.listeners[i]!;
    const { reception, origin, local } = listener;
    const options = { receiveBuffer: wanted, credentials: origin };
    const socket = this.#o.kept.take(listener.configured, place, reception, options);
    try {
      const ear = local || reception === 'connections' ? null : await this.#listenQuietly(i, socket, place, wanted);
      this.#quiet.set(i, ear);
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#sockets.set(i, socket);
    listener.bound(socket.port, socket.receiveBuffer, wanted);
    // Nobody but the thread hears of these.
    if (this.#quiet.get(i) === null) this.#heard.resolve();
  }

  #listenQuietly(i: number, socket: ListenSocket, place: SocketPlace, room: number): Promise<Ear> {
    const type = 'host' in place && isIPv6(place.host) ? 'udp6' : 'udp4';
    return Ear.on(socket, type, room, (datagram) => {
      this.#kept.keep(i, datagram);
      this.#heard.resolve();
    });
  }
}
