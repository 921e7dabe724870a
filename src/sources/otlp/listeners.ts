/** Where OTLP is listened for, all addresses under the same limits and one budget of bytes. */
import { readFileSync } from 'node:fs';
import { pause } from '../../core/abort.ts';
import type { Access } from '../../http/access.ts';
import { Budget } from '../../http/body.ts';
import { GrpcServer } from '../../http/grpc/server.ts';
import type { Limits } from '../../http/limits.ts';
import { HttpServer } from '../../http/server.ts';
import { log } from '../../log.ts';
import { refusal } from './answers.ts';
import { parseEndpoint } from './endpoint.ts';
import { grpcMethods } from './grpc.ts';
import { httpHandler } from './http.ts';
import type { OtlpIntake } from './intake.ts';
import type { OtlpOptions } from './options.ts';
import type { OtlpListenerStatus } from './report.ts';

/** Exporters send every five seconds, or every minute, and keep their connection. */
const LIMITS: Partial<Limits> = { connections: 1024, keep_ms: 120_000 };
/** All requests that are on their way: of bytes, as they came and inflated. */
const BUDGET_BYTES = 24 << 20;
const RETRY_MS = 1000;

interface Listener {
  /** As it is configured, with what is spoken there: `grpc://127.0.0.1:4317`. */
  address: string;
  readonly open: () => Promise<HttpServer | GrpcServer>;
  server: HttpServer | GrpcServer | null;
  error: string | null;
}

export class Listeners {
  readonly #listeners: Listener[];

  constructor(config: OtlpOptions, intake: OtlpIntake) {
    const budget = new Budget(Math.max(BUDGET_BYTES, 3 * config.max_request));
    const handler = httpHandler({ intake, maxRequest: config.max_request, origins: config.cors_origins });
    const methods = grpcMethods(intake, config.max_request);
    const elsewhere =
      config.http.length > 0
        ? `This is gRPC, over HTTP/2. OTLP over HTTP/1.1 is at ${config.http.join(', ')}.`
        : 'This is gRPC, over HTTP/2. For OTLP over HTTP/1.1 set otlp.http.';
    const token = config.token_file === undefined ? undefined : readFileSync(config.token_file, 'utf8').trim();
    const { tls } = config;
    const preflight = config.cors_origins.length > 0;
    const common = (address: string) => {
      const where = parseEndpoint(address);
      const near = 'path' in where;
      const names: Access['names'] = near ? null : { listen: address, hosts: config.hosts, option: 'otlp.hosts' };
      const certificate = !near && tls?.client_ca_file !== undefined;
      const access: Access = { names, certificate, preflight, ...(token !== undefined && { token }) };
      const { cert_file, key_file, client_ca_file } = tls ?? {};
      const files = {
        cert_file: cert_file!,
        key_file: key_file!,
        ...(client_ca_file !== undefined && { client_ca_file }),
      };
      return { where, access, budget, limits: LIMITS, ...(tls && !near && { tls: files }) };
    };
    const named = (scheme: string, address: string) =>
      address.startsWith('unix://') ? `${scheme}+${address}` : `${scheme}://${address}`;
    this.#listeners = [
      ...config.http.map((at) => {
        const open = () => HttpServer.open({ ...common(at), handler, refusal });
        return { address: named('http', at), open, server: null, error: null };
      }),
      ...config.grpc.map((at) => {
        const open = () => GrpcServer.open({ ...common(at), methods, elsewhere });
        return { address: named('grpc', at), open, server: null, error: null };
      }),
    ];
  }

  /** Binds all of them. Rejects with a sentence; `retry`: what cannot be bound is tried again instead. */
  async bind(retry: boolean, signal: AbortSignal): Promise<void> {
    for (const listener of this.#listeners) {
      const failed = await bind(listener);
      if (failed === null) continue;
      if (!retry) throw new Error(`cannot start otlp: cannot listen on ${listener.address}: ${failed}`);
      log.error(`otlp: cannot listen on ${listener.address}: ${failed}; it is tried again`);
      void bindLater(listener, signal);
    }
  }

  /** Listens no more; what is being answered is answered, within a time. */
  async close(): Promise<void> {
    await Promise.all(this.#listeners.map(({ server }) => server?.close()));
  }

  problems(): string[] {
    return this.#listeners.flatMap(({ address, error }) => (error === null ? [] : [`otlp ${address}: ${error}`]));
  }

  status(): OtlpListenerStatus[] {
    return this.#listeners.map(({ address, server, error }) => {
      const reasons = Object.fromEntries(server?.refused ?? []);
      const refused = Object.values(reasons).reduce((sum, n) => sum + n, 0);
      const { connections = 0, requests = 0, bytes = 0 } = server ?? {};
      return { address, connections, requests, refused, reasons, bytes, error };
    });
  }
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
