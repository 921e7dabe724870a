/** Places that packets are repeated to, as the main thread sees them: it finds their addresses and opens the sockets. */
import { isIP } from 'node:net';
import { parseListener } from '../../config/listener.ts';
import { Backoff } from '../../core/abort.ts';
import { log } from '../../log.ts';
import { openSender } from '../../native/sending.ts';
import { closeSocket } from '../../native/sockets.ts';
import type { AggregatingThread } from './thread.ts';

export interface ForwardStatus {
  address: string;
  packets: number;
  /** There was no room for them in the socket, or nobody was there. */
  lost: number;
  error: string | null;
}

interface Target {
  readonly address: string;
  fd: number | null;
  error: string | null;
}

export class Forwards {
  readonly #targets: Target[];
  readonly #thread: AggregatingThread;
  readonly #native: boolean;
  #threadReady = false;

  constructor(addresses: readonly string[], thread: AggregatingThread, native: boolean) {
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

  /** Resolves when all are open, or the signal aborts. */
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
        const place = parseListener(target.address);
        const fd = openSender('path' in place ? place : { host: await found(place.host), port: place.port });
        target.fd = fd;
        target.error = null;
        if (this.#threadReady) this.#thread.forward(i, fd);
        return;
      } catch (error) {
        target.error = `cannot send to ${target.address}: ${(error as Error).message}`;
        log.warnOnce(`forward ${target.address} open`, `statsd: ${target.error}; it is tried again`);
      }
      // The signal ends the wait.
      await backoff.wait(signal).catch(() => undefined);
    }
  }
}

async function found(host: string): Promise<string> {
  if (isIP(host)) return host;
  const { lookup } = await import('node:dns/promises');
  return (await lookup(host, { order: 'ipv4first' })).address;
}
