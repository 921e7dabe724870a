/** Where audit events are listened for, all addresses under the same limits and one budget of bytes. */
import { chownSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { pause } from '../../core/abort.ts';
import type { Handler } from '../../http/answer.ts';
import { Budget } from '../../http/body.ts';
import type { Limits } from '../../http/limits.ts';
import { HttpServer } from '../../http/server.ts';
import { log } from '../../log.ts';
import { whereOf } from './listener-address.ts';
import type { AuditConfig } from './options.ts';
import { auditRefusal } from './refusal.ts';
import type { AuditListenerStatus } from './report.ts';

/** Applications keep their connections. */
const LIMITS: Partial<Limits> = { connections: 1024, keep_ms: 120_000 };
/** Bodies of all requests that are on their way. */
const BUDGET_BYTES = 16 << 20;
const RETRY_MS = 1000;

interface Listening {
  readonly address: string;
  server: HttpServer | null;
  error: string | null;
}

export class AuditListeners {
  readonly #o: AuditConfig;
  readonly #handler: Handler;
  readonly #budget = new Budget(BUDGET_BYTES);
  readonly #listeners: Listening[];

  constructor(options: AuditConfig, handler: Handler) {
    this.#o = options;
    this.#handler = handler;
    this.#listeners = options.listen.map((address) => ({ address, server: null, error: null }));
  }

  /** Binds all of them. Rejects with a sentence; `retry`: what cannot be bound is tried again instead. */
  async bind(retry: boolean, signal: AbortSignal): Promise<void> {
    for (const listener of this.#listeners) {
      await this.#bind(listener);
      if (listener.error === null) continue;
      const what = `cannot listen on ${listener.address}: ${listener.error}`;
      if (!retry) throw new Error(`cannot start audit: ${what}`);
      log.error(`audit: ${what}; it is tried again`);
      void this.#bindLater(listener, signal);
    }
  }

  /** Listens no more; what is being answered is answered, within a time. */
  async close(): Promise<void> {
    await Promise.all(this.#listeners.map(({ server }) => server?.close()));
  }

  problems(): string[] {
    return this.#listeners.flatMap(({ address, error }) => (error === null ? [] : [`audit ${address}: ${error}`]));
  }

  status(): AuditListenerStatus[] {
    return this.#listeners.map(({ address, server, error }) => {
      const reasons = Object.fromEntries(server?.refused ?? []);
      const refused = Object.values(reasons).reduce((sum, n) => sum + n, 0);
      return {
        address,
        connections: server?.connections ?? 0,
        requests: server?.requests ?? 0,
        refused,
        reasons,
        error,
      };
    });
  }

  async #bind(listener: Listening): Promise<void> {
    const { tls, hosts } = this.#o;
    const where = whereOf(listener.address);
    const { cert_file, key_file, client_ca_file } = tls ?? {};
    const files = {
      cert_file: cert_file!,
      key_file: key_file!,
      ...(client_ca_file !== undefined && { client_ca_file }),
    };
    const listen = listener.address.replace('https://', '');
    try {
      listener.server = await HttpServer.open({
        where,
        // Who may write which stream is said with each request.
        access: { names: 'path' in where ? null : { listen, hosts, option: 'audit.hosts' } },
        ...('host' in where && { tls: files }),
        handler: this.#handler,
        limits: LIMITS,
        budget: this.#budget,
        refusal: auditRefusal,
      });
      if ('path' in where) giveToGroup(where.path);
      listener.error = null;
    } catch (error) {
      listener.error = (error as Error).message;
    }
  }

  async #bindLater(listener: Listening, signal: AbortSignal): Promise<void> {
    while (await pause(RETRY_MS, signal)) {
      await this.#bind(listener);
      if (listener.error !== null) continue;
      if (signal.aborted) await listener.server?.close();
      return;
    }
  }
}

/** The socket belongs to the group of its directory: whoever is in it may send. */
function giveToGroup(path: string): void {
  const { gid } = statSync(dirname(path));
  if (statSync(path).gid === gid) return;
  try {
    chownSync(path, -1, gid);
  } catch (error) {
    log.warn(
      `audit: cannot give ${path} to the group ${gid} of its directory: ${(error as Error).message}; only the agent's own group may send`,
    );
  }
}
