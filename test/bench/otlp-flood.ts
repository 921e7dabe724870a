/**
 * Sends requests of OTLP as an exporter should not: many connections, large bodies, one behind the other, whatever is answered.
 * Prints how many were answered with what.
 *
 *   node test/bench/otlp-flood.ts KIND ADDRESS CONNECTIONS SECONDS BYTES
 *
 *   plain   bodies of spans        gzip    the same, compressed
 *   slow    all of a body but its end, which comes late           bytes   a body in chunks of one byte
 *   grpc    bodies of spans, ten calls at a time on each connection
 *   storm   the same, a hundred calls at once on each connection, once
 */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { traceBatch } from '../support/otlp-batches.ts';
import { encodeRequest } from '../support/otlp-decoder.ts';

const [kind, address, ...numbers] = process.argv.slice(2) as [string, string, ...string[]];
const [connections, seconds, bytes] = numbers.map(Number) as [number, number, number];
const [host, port] = address.split(':') as [string, string];
const PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const CALLS = 10;
const STORM_CALLS = 100;
const SESSION_MB = 1000;
const SLOW_MS = 1500;
const answers: Record<string, number> = {};
const end = performance.now() + seconds * 1000;
const spans = Buffer.from(encodeRequest('traces', traceBatch(Math.ceil(bytes / 400))));
const body = kind === 'gzip' ? gzipSync(spans) : spans;
const HEAD = `POST /v1/traces HTTP/1.1\r\nHost: ${address}\r\nContent-Type: application/x-protobuf\r\n`;

function count(answer: string): void {
  answers[answer] = (answers[answer] ?? 0) + 1;
}

/** Resolves with what is left of the head when it is answered, or gone. */
function answered(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (data) => resolve(data.toString('latin1', 9, 12)));
    socket.once('close', () => resolve('closed'));
  });
}

function written(socket: Socket, data: Buffer | string): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', resolve);
    socket.write(data, () => {
      socket.off('close', resolve);
      resolve();
    });
  });
}

const ONES = Buffer.from('1\r\n\n\r\n'.repeat(10_000));

async function sendBody(socket: Socket): Promise<void> {
  const encoding = kind === 'gzip' ? 'Content-Encoding: gzip\r\n' : '';
  if (kind === 'bytes') {
    await written(socket, `${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
    for (let sent = 0; sent < bytes && !socket.destroyed; sent += 10_000) await written(socket, ONES);
    await written(socket, '0\r\n\r\n');
    return;
  }
  await written(socket, `${HEAD}${encoding}Content-Length: ${body.length}\r\n\r\n`);
  if (kind !== 'slow') return written(socket, body);
  await written(socket, body.subarray(0, -100));
  await sleep(SLOW_MS);
  await written(socket, body.subarray(-100));
}

async function overHttp(): Promise<void> {
  while (performance.now() < end) {
    const socket = connect(Number(port), host);
    socket.on('error', () => undefined);
    while (!socket.destroyed && performance.now() < end) {
      const answer = answered(socket);
      const sent = sendBody(socket);
      const how = await answer;
      count(how);
      // What is refused while it is sent is at an end.
      if (how !== '200') break;
      await sent;
    }
    socket.destroy();
    await sleep(10);
  }
}

let open = 0;
const allOpen = Promise.withResolvers<void>();

/** Resolves when all connections are there. */
async function opened(session: ClientHttp2Session): Promise<void> {
  session.once('remoteSettings', () => {
    if (++open === connections) allOpen.resolve();
  });
  await allOpen.promise;
}

async function overGrpc(): Promise<void> {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  const message = Buffer.concat([head, body]);
  // Of Node's client: with more queued than that it takes no answers.
  const session = connectHttp2(`http://${address}`, { maxSessionMemory: SESSION_MB });
  session.on('error', () => undefined);
  if (kind === 'storm') await opened(session);
  const call = () =>
    new Promise<void>((resolve) => {
      const headers = { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' };
      const stream = session.request(headers);
      let status = 'closed';
      stream.on('error', () => undefined);
      stream.on('response', (headers) => {
        status = String(headers['grpc-status'] ?? status);
      });
      stream.on('trailers', (trailers) => {
        status = String(trailers['grpc-status'] ?? status);
      });
      stream.on('close', () => {
        count(status);
        resolve();
      });
      stream.resume().end(message);
    });
  if (kind === 'storm') {
    await Promise.all(Array.from({ length: STORM_CALLS }, call));
    session.destroy();
    return;
  }
  const callers = Array.from({ length: CALLS }, async () => {
    while (performance.now() < end && !session.destroyed) {
      await call();
      await sleep(10);
    }
  });
  await Promise.all(callers);
  session.destroy();
}

const late = setTimeout(
  () => process.stdout.write(JSON.stringify(answers), () => process.exit(0)),
  (seconds + 3) * 1000,
);
await Promise.all(
  Array.from({ length: connections }, () => (kind === 'grpc' || kind === 'storm' ? overGrpc() : overHttp())),
);
clearTimeout(late);
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
