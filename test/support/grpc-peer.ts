/** Clients of gRPC by node:http2 alone: what goes over the wire is as it is written here. */
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2';
import { Readable } from 'node:stream';
import type { TestContext } from 'node:test';

/** What is larger is sent as fast as it is taken. */
const PART = 1 << 20;

export interface GrpcAnswer {
  /** HTTP's. */
  code: number;
  status: number | null;
  message: string;
  /** All that was there before the body: of an answer without a body that is everything. */
  headers: Record<string, unknown>;
  trailers: Record<string, unknown> | null;
  body: Buffer;
}

export function frameOf(message: Uint8Array, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function* parts(body: Buffer): Iterable<Buffer> {
  for (let at = 0; at < body.length; at += PART) yield body.subarray(at, at + PART);
}

export function sessionTo(t: TestContext, address: string): ClientHttp2Session {
  const session = connect(`http://${address}`);
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  return session;
}

/** A call with this body, framed already; null: its body does not end. */
export function call(
  session: ClientHttp2Session,
  path: string,
  body: Buffer | null,
  more: OutgoingHttpHeaders = {},
): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...more };
    const stream = session.request(headers);
    const pieces: Buffer[] = [];
    let first: Record<string, unknown> = {};
    let trailers: Record<string, unknown> | null = null;
    stream.on('response', (got) => {
      first = { ...got };
    });
    stream.on('trailers', (got) => {
      trailers = { ...got };
    });
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('error', (error) => (Object.keys(first).length > 0 ? undefined : reject(error)));
    stream.on('close', () => {
      const said = (trailers ?? first) as Record<string, string>;
      const status = said['grpc-status'] === undefined ? null : Number(said['grpc-status']);
      const message = decodeURIComponent(said['grpc-message'] ?? '');
      resolve({
        code: Number(first[':status']),
        status,
        message,
        headers: first,
        trailers,
        body: Buffer.concat(pieces),
      });
    });
    if (body && body.length > PART) Readable.from(parts(body)).pipe(stream);
    else if (body) stream.end(body);
    else stream.write(Buffer.alloc(1));
  });
}
