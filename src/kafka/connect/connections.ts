/**
 * The open connections, by address and purpose. What may be held at the broker has one of its own, since what stands
 * behind it on its connection waits, too: an acks=all Produce for the replicas, a Fetch for records, a JoinGroup for the
 * other members; the latter two for each group by itself.
 */
import { abortable } from '../../core/abort.ts';
import { NoBroker } from '../wire/errors.ts';
import { Link } from './connection.ts';
import { loginOf, type TlsConfig, tlsOptions } from './security.ts';
import type { SaslConfig } from './tokens.ts';

const DEFAULT_PORT = 9092;

export interface Address {
  host: string;
  port: number;
}

export type Purpose = 'produce' | 'admin' | 'fetch' | 'group' | `fetch ${string}` | `join ${string}`;

export interface LinksOptions {
  client_id: string;
  tls: TlsConfig | null;
  sasl: SaslConfig | null;
  /** Milliseconds. */
  connectTimeout: number;
  requestTimeout: number;
  /** Called before a connection is used; throws where it is not to be. */
  opened: (link: Link) => void;
  /** A connection that was in use ended by itself. */
  lost: (error: Error) => void;
}

export class Links {
  readonly #o: LinksOptions;
  readonly #closing: AbortSignal;
  readonly #login: object | null;
  readonly #links = new Map<string, Promise<Link>>();

  /** When `closing` aborts, so do the connections that are just being made; `end` ends the others. */
  constructor(options: LinksOptions, closing: AbortSignal) {
    this.#o = options;
    this.#login = options.sasl && loginOf(options.sasl);
    this.#closing = closing;
  }

  /** The connection to this address, made when there is none. Rejects with the reason where that fails. */
  async to(address: Address, purpose: Purpose, signal: AbortSignal): Promise<Link> {
    const key = keyOf(address, purpose);
    const opening = this.#links.get(key);
    if (opening) {
      const link = await abortable(opening, signal);
      if (!link.error && !link.expiring) return link;
      this.#remove(key, opening);
      // The session ends soon: the link finishes what it was asked, and the broker closes it.
      if (link.asked === 0) link.fail('the session has ended');
      return this.to(address, purpose, signal);
    }
    const opened = this.#open(address, () => this.#remove(key, opened));
    this.#links.set(key, opened);
    opened.catch(() => this.#remove(key, opened));
    return abortable(opened, signal);
  }

  /** A connection to any of these, one that is open before others. Rejects with NoBroker. */
  async any(addresses: readonly Address[], purpose: Purpose, signal: AbortSignal): Promise<Link> {
    const byKey = new Map(addresses.map((address) => [keyOf(address, purpose), address]));
    const ordered = [...byKey].sort(([a], [b]) => Number(this.#links.has(b)) - Number(this.#links.has(a)));
    const failures: string[] = [];
    for (const [, address] of ordered) {
      try {
        return await this.to(address, purpose, signal);
      } catch (error) {
        signal.throwIfAborted();
        failures.push((error as Error).message);
      }
    }
    throw new NoBroker(failures.length > 0 ? failures : ['none is known']);
  }

  /** Ends all that are open or are being opened. */
  end(why: string): void {
    for (const opening of this.#links.values()) {
      opening.then(
        (link) => link.fail(why),
        () => undefined,
      );
    }
    this.#links.clear();
  }

  async #open(address: Address, remove: () => void): Promise<Link> {
    const { tls, client_id, connectTimeout, requestTimeout, opened, lost } = this.#o;
    const failed = (_: Link, error: Error) => {
      remove();
      lost(error);
    };
    const options = {
      ...address,
      clientId: client_id,
      login: this.#login,
      who: this.#o.sasl,
      connectTimeout,
      requestTimeout,
      failed,
    };
    const link = await Link.open({ ...options, tls: tls ? tlsOptions(tls) : null }, this.#closing);
    try {
      opened(link);
    } catch (error) {
      link.fail((error as Error).message);
      throw error;
    }
    return link;
  }

  #remove(key: string, opening: Promise<Link>): void {
    if (this.#links.get(key) === opening) this.#links.delete(key);
  }
}

/** From `host`, `host:port`, `[v6]:port` or a v6 address; 9092 where no port is given. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text);
  // What has more colons and no brackets is a v6 address alone.
  if (!match) return { host: text, port: DEFAULT_PORT };
  return { host: (match[1] ?? match[2])!, port: match[3] === undefined ? DEFAULT_PORT : Number(match[3]) };
}

function keyOf(address: Address, purpose: Purpose): string {
  return `${address.host}:${address.port}/${purpose}`;
}

/** So that a thousand hosts do not all ask the same broker first. */
export function shuffled<T>(items: T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .sort((a, b) => a[0] - b[0])
    .map(([, item]) => item);
}
