/** Places that packets are repeated to, as the main thread sees them: it finds their addresses and opens the sockets. */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type ListenAddress, parseListener } from '../../config/listener.ts';
import { Backoff, pause } from '../../core/abort.ts';
import { log } from '../../log.ts';
import { needHere } from '../../mounts/fs.ts';
import { connectAgain, openSender } from '../../native/sending.ts';
import { closeSocket } from '../../native/sockets.ts';
import { leadsTo } from './leads-to.ts';
import type { AggregatingThread } from './thread.ts';

export interface ForwardStatus {
  address: string;
  packets: number;
  /** There was no room for them in the socket, or nobody was there. */
  lost: number;
  error: string | null;
}

/** Where packets are lost it is looked this often whether there is another socket by now. */
const AGAIN_MS = 1000;

interface Target {
  readonly address: string;
  fd: number | null;
  error: string | null;
}

export class Forwards {
  readonly #targets: Target[];
  readonly #thread: AggregatingThread;
  readonly #native: boolean;
  /** Where it is listened, as it is configured. */
  readonly #listening: readonly ListenAddress[];
  #threadReady = false;

  constructor(
    addresses: readonly string[],
    { thread, listen, native }: { thread: AggregatingThread; listen: readonly string[]; native: boolean },
  ) {
    this.#listening = listen.map(parseListener);
    this.#targets = addresses.map((address) => ({ address, fd: null, error: null }));
    this.#thread = thread;
    this.#native = native;
  }

  status(): ForwardStatus[] {
    return this.#targets.map(({ address, error }, i) => {
      const { packets, lost } = this.#thread.counters.forwarded(i);
      if (lost > 0) {
        log.warnOnce(
          `forward ${address}`,
          `statsd: ${lost} packets were not repeated to ${address}: nobody listens there, or it takes fewer than come`,
        );
      }
      return { address, packets, lost, error };
    });
  }

  /** Until the signal aborts, or nothing is left to be done. */
  async open(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#targets.map((target, i) => this.#open(target, i, signal)));
  }

  /** The thread sends from now on. */
  handOver(): void {
    this.#threadReady = true;
    for (const [i, { fd }] of this.#targets.entries()) if (fd !== null) this.#thread.forward(i, fd);
  }

  /** The thread does not use them any more. */
  close(): void {
    for (const target of this.#targets) if (target.fd !== null) closeSocket(target.fd);
    this.#threadReady = false;
    for (const target of this.#targets) target.fd = null;
  }

  async #open(target: Target, i: number, signal: AbortSignal): Promise<void> {
    if (!this.#native) {
      target.error = 'koffi cannot be loaded, which sending needs';
      return;
    }
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        const place = await located(parseListener(target.address));
        if (this.#comesBack(place)) {
          target.error = `${target.address} is where it listens itself: what comes would come for ever`;
          log.warn(`statsd: nothing is repeated there: ${target.error}`);
          return;
        }
        const fd = openSender(place);
        target.fd = fd;
        target.error = null;
        if (this.#threadReady) this.#thread.forward(i, fd);
        if ('path' in place) await this.#stayConnected(target, { i, fd, place, signal });
        return;
      } catch (error) {
        this.#fail(target, error as Error);
      }
      // The signal ends the wait.
      await backoff.wait(signal).catch(() => undefined);
    }
  }

  /** A socket at a path is gone with its server: the next one has the same name, and is another. */
  async #stayConnected(
    target: Target,
    { i, fd, place, signal }: { i: number; fd: number; place: { path: string }; signal: AbortSignal },
  ): Promise<void> {
    let before = 0;
    while (await pause(AGAIN_MS, signal)) {
      const { lost } = this.#thread.counters.forwarded(i);
      if (lost === before) continue;
      before = lost;
      try {
        needHere(place.path);
        connectAgain(fd, place);
        target.error = null;
      } catch (error) {
        this.#fail(target, error as Error);
      }
    }
  }

  #comesBack(place: ListenAddress): boolean {
    const mine = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
    return this.#listening.some((listener) => leadsTo(place, listener, mine));
  }

  #fail(target: Target, { message }: Error): void {
    target.error = `cannot send to ${target.address}: ${message}`;
    log.warnOnce(`forward ${target.address} open`, `statsd: ${target.error}; it is tried again`);
  }
}

/** With an IP address where there was a name. Throws where asking there may hang. */
async function located(place: ListenAddress): Promise<ListenAddress> {
  if ('host' in place) return { ...place, host: await found(place.host) };
  needHere(place.path);
  return place;
}

async function found(host: string): Promise<string> {
  if (isIP(host)) return host;
  const { lookup } = await import('node:dns/promises');
  return (await lookup(host, { order: 'ipv4first' })).address;
}
