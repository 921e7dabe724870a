/** One address that is listened on, as the main thread sees it: whether it is bound, and what has come. */
import { isIP } from 'node:net';
import type { Account } from '../../core/account.ts';
import { log } from '../../log.ts';
import type { SocketPlace } from '../../native/sockets.ts';
import {
  BYTES,
  EACH,
  KERNEL_DROPS,
  LINES,
  OPEN_CONNECTIONS,
  PACKETS,
  REFUSED_CONNECTIONS,
  REJECTED,
} from './counters.ts';
import { type ListenEntry, placeIn } from './listen-entry.ts';
import type { Manner } from './manner.ts';

export interface ListenerStatus {
  address: string;
  packets: number;
  lines: number;
  bytes: number;
  rejected: number;
  kernel_drops: number;
  /** Open now; of listeners for connections only. */
  connections?: number;
  /** Closed at once, since there were max_connections. */
  refused_connections?: number;
  error: string | null;
}

/** What the system says, where that helps nobody. */
const MEANT: Readonly<Record<string, string>> = {
  'address not available': 'this machine has no such address: write 0.0.0.0 for all that it has',
  'no such file or directory': 'the directory does not exist: make it',
};
const MEANT_OF_PATHS: Readonly<Record<string, string>> = {
  ...MEANT,
  'permission denied': 'permission denied: let the user that the agent runs as write in the directory',
};

export class Listener {
  /** When it was bound, by `performance.now()`. */
  since: number | null = null;
  readonly reception: 'datagrams' | 'connections';
  /** It is a path. */
  readonly local: boolean;
  readonly origin: boolean;
  readonly manner: Manner;
  readonly #entry: ListenEntry;
  #address: string;
  #error: string | null = null;
  /** Those that the thread counts in. */
  #counters: Float64Array = new Float64Array(EACH);
  /** Of them, what the account knows already. */
  #kernelDrops = 0;

  constructor(entry: ListenEntry) {
    const { kind } = placeIn(entry);
    this.reception = kind === 'udp' || kind === 'unixgram' ? 'datagrams' : 'connections';
    this.local = kind === 'unixgram' || kind === 'unixstream';
    this.origin = entry.origin;
    this.manner = { dialect: entry.dialect, nameTags: entry.name_tags };
    this.#entry = entry;
    this.#address = entry.address;
  }

  /** As it is configured. */
  get configured(): string {
    return this.#entry.address;
  }

  /** With the port that it got. */
  get address(): string {
    return this.#address;
  }

  /** Where the address leads, as an IP address. */
  async located(): Promise<SocketPlace> {
    const place = placeIn(this.#entry);
    if ('path' in place) return { path: place.path };
    const { host, port } = place;
    if (isIP(host)) return { host, port };
    const { lookup } = await import('node:dns/promises');
    const found = await lookup(host, { order: 'ipv4first' }).catch((error: Error & { code?: string }) => {
      throw new Error(error.code === 'ENOTFOUND' ? `no address for ${host}: is the name right?` : error.message);
    });
    return { host: found.address, port };
  }

  countedIn(counters: Float64Array): void {
    this.#counters = counters;
  }

  /** `granted` of the `wanted` bytes, as Linux counts: its own overhead included, which makes it twice what was asked. */
  bound(port: number, granted: number | null, wanted: number): void {
    this.since = performance.now();
    this.#error = null;
    this.#address = this.local ? this.#entry.address : this.#entry.address.replace(/:0$/, `:${port}`);
    if (granted !== null && granted < wanted && !this.local) {
      log.warn(
        `${this.#address}: the receive buffer is ${granted} bytes instead of ${wanted}; bursts may be lost: sysctl -w net.core.rmem_max=${wanted}`,
      );
    }
  }

  /** Is in the status from now on; returned as a sentence that names the address. */
  fail(error: Error): Error {
    const message = (this.local ? MEANT_OF_PATHS : MEANT)[error.message] ?? error.message;
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
      ...(this.reception === 'connections' && {
        connections: counters[OPEN_CONNECTIONS]!,
        refused_connections: counters[REFUSED_CONNECTIONS]!,
      }),
      error: this.#error,
    };
  }

  /** Takes what the kernel dropped into the account: a datagram counts as one item, nobody knows what was in it. */
  count(account: Account): void {
    const refused = this.#counters[REFUSED_CONNECTIONS]!;
    if (refused > 0) {
      log.warnOnce(
        `refused ${this.#address}`,
        `${this.#address}: ${refused} connections were closed at once, there are statsd.max_connections: raise it, or find who opens them`,
      );
    }
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
