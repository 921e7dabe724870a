/**
 * The addresses that an input listens on, a server each: bound when it opens, or tried again until they are.
 *
 *   address --open--> server: bound          first start: one that cannot be bound ends it
 *              '----> error: said, tried again every second, where the agent runs already
 */
import { pause } from '../core/abort.ts';
import { log } from '../log.ts';
import type { TlsFiles } from './tls.ts';

/** A server as it is listened with, of HTTP or gRPC. */
export interface Served {
  /** As it is bound. */
  readonly address: string;
  readonly connections: number;
  readonly requests: number;
  /** Bytes of requests. */
  readonly bytes: number;
  readonly refused: ReadonlyMap<string, number>;
  /** Why nobody can use it though it is bound; null: they can. */
  readonly problem: string | null;
  close(): Promise<void>;
}

export interface ServedStatus {
  /** `http://127.0.0.1:4318`, `grpc://127.0.0.1:4317`, `http+unix:///path`. */
  address: string;
  connections: number;
  requests: number;
  /** Requests and connections that were not served. */
  refused: number;
  /** The same by the reason. */
  reasons: Record<string, number>;
  /** Of requests, as they came. */
  bytes: number;
  error: string | null;
}

interface Listener {
  /** As it is configured, with what is spoken there: `grpc://127.0.0.1:4317`. */
  address: string;
  readonly open: () => Promise<Served>;
  server: Served | null;
  error: string | null;
}

const RETRY_MS = 1000;

export class Listeners {
  readonly #input: string;
  readonly #listeners: Listener[];

  /** `input`: in sentences. `open` rejects with a reason, and leaves nothing behind then. */
  constructor(input: string, listeners: readonly Pick<Listener, 'address' | 'open'>[]) {
    this.#input = input;
    this.#listeners = listeners.map((one) => ({ ...one, server: null, error: null }));
  }

  /** Binds all of them. Rejects with a sentence; `retry`: what cannot be bound is tried again instead. */
  async bind(retry: boolean, signal: AbortSignal): Promise<void> {
    for (const listener of this.#listeners) {
      const failed = await bind(listener);
      if (failed === null) continue;
      const what = `cannot listen on ${listener.address}: ${failed}`;
      if (!retry) throw new Error(`cannot start ${this.#input}: ${what}`);
      log.error(`${this.#input}: ${what}; it is tried again`);
      void bindLater(listener, signal);
    }
  }

  /** Listens no more; what is being answered is answered, within a time. */
  async close(): Promise<void> {
    await Promise.all(this.#listeners.map(({ server }) => server?.close()));
  }

  problems(): string[] {
    return this.#listeners.flatMap((listener) => {
      const error = errorOf(listener);
      return error === null ? [] : [`${this.#input} ${listener.address}: ${error}`];
    });
  }

  status(): ServedStatus[] {
    return this.#listeners.map((listener) => {
      const { address, server } = listener;
      const reasons = Object.fromEntries(server?.refused ?? []);
      const refused = Object.values(reasons).reduce((sum, n) => sum + n, 0);
      const { connections = 0, requests = 0, bytes = 0 } = server ?? {};
      return { address, connections, requests, refused, reasons, bytes, error: errorOf(listener) };
    });
  }
}

function errorOf({ error, server }: Listener): string | null {
  return error ?? server?.problem ?? null;
}

/** The files of an input's `tls`, which it was checked to have. */
export function tlsFiles(tls: { [file in keyof TlsFiles]?: string | undefined } | undefined): TlsFiles {
  const { cert_file, key_file, client_ca_file } = tls ?? {};
  return { cert_file: cert_file!, key_file: key_file!, ...(client_ca_file !== undefined && { client_ca_file }) };
}

/** Null: it is bound. */
async function bind(listener: Listener): Promise<string | null> {
  try {
    listener.server = await listener.open();
    listener.error = null;
    // Port 0 is another one by then.
    const { address } = listener.server;
    listener.address = listener.address.replace(/:0$/, `:${address.split(':').at(-1)}`);
  } catch (error) {
    listener.error = (error as Error).message;
  }
  return listener.error;
}

async function bindLater(listener: Listener, signal: AbortSignal): Promise<void> {
  while (await pause(RETRY_MS, signal)) {
    if ((await bind(listener)) !== null) continue;
    if (signal.aborted) await listener.server?.close();
    return;
  }
}
