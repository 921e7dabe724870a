/** Where OTLP is listened for, all addresses under the same limits and one budget of bytes. */
import { readFileSync } from 'node:fs';
import type { Access } from '../../http/access.ts';
import { Budget } from '../../http/body.ts';
import { GrpcServer } from '../../http/grpc/server.ts';
import type { Limits } from '../../http/limits.ts';
import { Listeners, tlsFiles } from '../../http/listeners.ts';
import { ReadTurns } from '../../http/read-turns.ts';
import { HttpServer } from '../../http/server.ts';
import { needHere } from '../../mounts/fs.ts';
import { refusal } from './answers.ts';
import { parseEndpoint } from './endpoint.ts';
import { grpcMethods } from './grpc.ts';
import { httpHandler } from './http.ts';
import type { OtlpIntake } from './intake.ts';
import type { OtlpOptions } from './options.ts';

/** Exporters send every five seconds, or every minute, and keep their connection. */
const LIMITS: Partial<Limits> = { connections: 1024, keep_ms: 120_000 };
/** All requests that are on their way: of bytes, as they came and inflated. */
const BUDGET_BYTES = 24 << 20;

/** `datadog`: addresses where Datadog's tracers send. */
export async function otlpListeners(
  config: OtlpOptions,
  datadog: readonly string[],
  intake: OtlpIntake,
): Promise<Listeners> {
  const budget = new Budget(Math.max(BUDGET_BYTES, 3 * config.max_request));
  const turns = new ReadTurns(() => intake.isBusy);
  const handler = httpHandler({ intake, maxRequest: config.max_request, origins: config.cors_origins });
  const methods = grpcMethods(intake, config.max_request);
  const maxRequest = config.max_request;
  const tracers =
    datadog.length > 0 ? (await import('./datadog/http.ts')).datadogHandler({ intake, maxRequest, budget }) : null;
  const elsewhere =
    config.http.length > 0
      ? `This is gRPC, over HTTP/2. OTLP over HTTP/1.1 is at ${config.http.join(', ')}.`
      : 'This is gRPC, over HTTP/2. For OTLP over HTTP/1.1 set otlp.http.';
  const token = config.token_file === undefined ? undefined : tokenIn(config.token_file);
  const { tls } = config;
  const preflight = config.cors_origins.length > 0;
  const common = (address: string) => {
    const where = parseEndpoint(address);
    const near = 'path' in where;
    const names: Access['names'] = near ? null : { listen: address, hosts: config.hosts, option: 'otlp.hosts' };
    const certificate = !near && tls?.client_ca_file !== undefined;
    const access: Access = { names, certificate, preflight, ...(token !== undefined && { token }) };
    return { where, access, budget, turns, limits: LIMITS, ...(tls && !near && { tls: tlsFiles(tls) }) };
  };
  const named = (scheme: string, address: string) =>
    address.startsWith('unix://') ? `${scheme}+${address}` : `${scheme}://${address}`;
  return new Listeners('otlp', [
    ...config.http.map((at) => {
      return { address: named('http', at), open: () => HttpServer.open({ ...common(at), handler, refusal }) };
    }),
    ...config.grpc.map((at) => {
      return { address: named('grpc', at), open: () => GrpcServer.open({ ...common(at), methods, elsewhere }) };
    }),
    ...datadog.map((at) => {
      return { address: named('datadog', at), open: () => HttpServer.open({ ...common(at), handler: tracers! }) };
    }),
  ]);
}

/** Throws a sentence. */
function tokenIn(file: string): string {
  try {
    needHere(file);
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Error(`cannot start otlp: cannot read the token of otlp.token_file: ${(error as Error).message}`);
  }
}
