/** One address that is listened on, as the main thread sees it: whether it is bound, and what has come. */
import { isIP } from 'node:net';
import type { Account } from '../../core/account.ts';
import { log } from '../../log.ts';
import { parseUdpAddress, type UdpAddress } from './address.ts';
import { BYTES, KERNEL_DROPS, LINES, PACKETS, REJECTED } from './protocol.ts';

export interface ListenerStatus {
  address: string;
  packets: number;
  lines: number;
  bytes: number;
  rejected: number;
  kernel_drops: number;
  error: string | null;
}

export class Listener {
  /** When it was bound, by `performance.now()`. */
  since: number | null = null;
  readonly #configured: string;
  #address: string;
  #error: string | null = null;
  /** Those that the thread counts in. */
  #counters: Float64Array = new Float64Array(KERNEL_DROPS + 1);
  /** Of them, what the account knows already. */
  #kernelDrops = 0;

  /** `udp://host:port` */
  constructor(address: string) {
    this.#configured = address;
    this.#address = address;
  }

  /** With the port that it got. */
  get address(): string {
    return this.#address;
  }

  /** Where the address leads, as an IP address. */
  async located(): Promise<UdpAddress> {
    const { host, port } = parseUdpAddress(this.#configured);
    if (isIP(host)) return { host, port };
    const { lookup } = await import('node:dns/promises');
    return { host: (await lookup(host, { order: 'ipv4first' })).address, port };
  }

  countedIn(counters: Float64Array): void {
    this.#counters = counters;
  }

  /** `granted` of the `wanted` bytes, as Linux counts: its own overhead included, which makes it twice what was asked. */
  bound(port: number, granted: number, wanted: number): void {
    this.since = performance.now();
    this.#error = null;
    this.#address = this.#configured.replace(/:0$/, `:${port}`);
    if (granted < wanted) {
      log.warn(
        `${this.#address}: the receive buffer is ${granted} bytes instead of ${wanted}; bursts may be lost: sysctl -w net.core.rmem_max=${wanted}`,
      );
    }
  }

  /** Is in the status from now on; returned as a sentence that names the address. */
  fail({ message }: Error): Error {
    this.#error = this.since === null ? `cannot listen on ${this.#address}: ${message}` : message;
    return new Error(this.since === null ? this.#error : `${this.#address}: ${message}`);
  }

  status(): ListenerStatus {
    const counters = this.#counters;
    return {
      address: this.#address,
      packets: counters[PACKETS]!,
      lines: counters[LINES]!,
      bytes: counters[BYTES]!,
      rejected: counters[REJECTED]!,
      kernel_drops: counters[KERNEL_DROPS]!,
      error: this.#error,
    };
  }

  /** Takes what the kernel dropped into the account: a datagram counts as one item, nobody knows what was in it. */
  count(account: Account): void {
    const drops = this.#counters[KERNEL_DROPS]!;
    const more = drops - this.#kernelDrops;
    if (more === 0) return;
    this.#kernelDrops = drops;
    account.received += more;
    account.drop('kernel_drop', more);
    log.warnOnce(
      `kernel_drop ${this.#address}`,
      `${this.#address}: ${drops} datagrams were lost, the receive buffer was full: raise statsd.receive_buffer and net.core.rmem_max`,
    );
  }
}
