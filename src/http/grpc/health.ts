/**
 * grpc.health.v1.Health, as far as every service here is served while the server is:
 *
 *   HealthCheckRequest   1 service string        HealthCheckResponse   1 status: 1 SERVING, 2 NOT_SERVING
 */
import type { ServerHttp2Stream } from 'node:http2';
import { framed } from './message.ts';

export const CHECK = '/grpc.health.v1.Health/Check';
export const WATCH = '/grpc.health.v1.Health/Watch';
export const SERVING = Buffer.of(0x08, 1);
const NOT_SERVING = Buffer.of(0x08, 2);

/** The name of the service that is asked for; null: that is no request. */
export function serviceIn(message: Buffer): string | null {
  if (message.length === 0) return '';
  if (message[0] !== 0x0a || message.length < 2 || message[1]! > 0x7f || message.length !== 2 + message[1]!)
    return null;
  return message.toString('utf8', 2);
}

/** Those who want to hear of changes. */
export class Watchers {
  readonly #streams = new Set<ServerHttp2Stream>();

  /** Of a stream that was responded to. */
  add(stream: ServerHttp2Stream): void {
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    stream.write(framed(SERVING));
  }

  /** Says that it is over. */
  end(): void {
    for (const stream of this.#streams) stream.end(framed(NOT_SERVING));
  }
}
