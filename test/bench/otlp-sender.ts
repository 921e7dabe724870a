/**
 * Sends batches of spans over OTLP as fast as they are answered, or so many a second, and prints what it sent and how long
 * the answers took.
 *
 *   node test/bench/otlp-sender.ts http|grpc ADDRESS SPANS CLIENTS SECONDS [REQUESTS A SECOND]
 */

import { Agent, request } from 'node:http';
import { connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { traceBatch } from '../support/otlp-batches.ts';
import { encodeRequest } from '../support/otlp-decoder.ts';
import { quantile } from './bench.ts';

const [protocol, address, ...numbers] = process.argv.slice(2) as [string, string, ...string[]];
const [spans, clients, seconds, rate = 0] = numbers.map(Number) as [number, number, number, number?];
const BODIES = 40;
const PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const bodies = Array.from({ length: BODIES }, () => {
  const body = Buffer.from(encodeRequest('traces', traceBatch(spans)));
  if (protocol === 'http') return body;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
});

type Send = (body: Buffer) => Promise<void>;

function overHttp(): Send {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const [host, port] = address.split(':');
  const headers = { 'content-type': 'application/x-protobuf' };
  return (body) =>
    new Promise((resolve, reject) => {
      const options = { host, port, agent, method: 'POST', path: '/v1/traces' };
      const asked = request({ ...options, headers: { ...headers, 'content-length': body.length } }, (answer) => {
        answer
          .resume()
          .on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${answer.statusCode}`))));
      });
      asked.on('error', reject);
      asked.end(body);
    });
}

function overGrpc(): Send {
  const session = connect(`http://${address}`);
  return (body) =>
    new Promise((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': PATH,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      let status: unknown = null;
      stream.on('trailers', (trailers) => {
        status = trailers['grpc-status'];
      });
      stream.on('close', () => (status === '0' ? resolve() : reject(new Error(`status ${status}`))));
      stream.on('error', reject);
      stream.resume().end(body);
    });
}

const took: number[] = [];
const began = performance.now();
const end = began + seconds * 1000;
let sent = 0;
await Promise.all(
  Array.from({ length: clients }, async (_, c) => {
    const send = protocol === 'http' ? overHttp() : overGrpc();
    for (let i = 0; performance.now() < end; i++) {
      if (rate > 0) await sleep(Math.max(0, began + ((i * clients + c) * 1000) / rate - performance.now()));
      const at = performance.now();
      await send(bodies[(i * clients + c) % BODIES]!);
      took.push(performance.now() - at);
      sent += spans;
    }
  }),
);
const said = {
  spans: sent,
  seconds: (performance.now() - began) / 1000,
  p50: quantile(took, 0.5),
  p99: quantile(took, 0.99),
};
process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(0));
