/**
 * Sends audit events as fast as they are answered, or inserts the same into PostgreSQL, a transaction each; prints how many,
 * how long the answers took, and the CPU seconds that it took itself. It shares the machine with what it measures, so it
 * takes as little of it as it can, and as much with either: bytes that are made once, over a bare socket.
 *
 *   node test/bench/audit-sender.ts agent SOCKET CLIENTS SECONDS EVENTS_A_REQUEST
 *   node test/bench/audit-sender.ts postgres SOCKET_DIRECTORY CLIENTS SECONDS
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { quantile } from './bench.ts';

const [kind, where, ...numbers] = process.argv.slice(2) as [string, string, ...string[]];
const [clients, seconds, batch = 1] = numbers.map(Number) as [number, number, number?];

/** Sends a request; its answer is what is read from then on. */
type Ask = () => void;
/** Takes a piece of the answer; whether it is over. */
type Take = (piece: Buffer) => boolean;

/** In place of what differs from one event to the next. */
const ID = '#'.repeat(36);
const TRACE = '%'.repeat(32);
/** 514 bytes. */
const EVENT = Buffer.from(
  JSON.stringify({
    '@timestamp': new Date().toISOString(),
    event: { id: ID, action: 'order.approve', outcome: 'success', kind: 'event', category: ['iam'] },
    user: { id: 'u-4711', name: 'ada' },
    source: { ip: '10.0.0.7' },
    related: { user: ['ada', 'bob'] },
    object: { type: 'order', id: '1234567' },
    before: { state: 'new', total: 12.5 },
    after: { state: 'approved', total: 12.5 },
    service: { name: 'shop', version: '1.14.2' },
    trace: { id: TRACE },
    note: 'approved by the second of two people',
  }),
);
const ID_AT = EVENT.indexOf(ID);
const TRACE_AT = EVENT.indexOf(TRACE);
const RUN = randomBytes(12).toString('hex');
let made = 0;

/** Makes what stands at `at` another event. */
function renew(bytes: Buffer, at: number): void {
  const number = (made++).toString(16).padStart(8, '0');
  bytes.write(`${RUN}${number}`.padEnd(ID.length, '-'), at + ID_AT, 'latin1');
  bytes.write(`${number}${RUN}`, at + TRACE_AT, 'latin1');
}

type Door = (write: (bytes: Buffer) => void, heard: (take: Take) => Promise<void>) => Promise<{ ask: Ask; take: Take }>;

const toAgent: Door = async (write) => {
  const events = batch === 1 ? [EVENT] : Array.from({ length: batch }, () => [EVENT, Buffer.from('\n')]).flat();
  const body = Buffer.concat(events);
  const type = batch === 1 ? 'application/json' : 'application/x-ndjson';
  const head = `POST /v1/audit HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), body]);
  const bodyAt = head.length;
  const step = body.length / batch;
  let text = '';
  return {
    ask() {
      for (let i = 0; i < batch; i++) renew(request, bodyAt + i * step);
      write(request);
    },
    take(piece) {
      text += piece.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return false;
      if (!text.startsWith('HTTP/1.1 201 ')) throw new Error(text);
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)![1]);
      if (text.length < end + 4 + length) return false;
      text = '';
      return true;
    },
  };
};

/** A message of PostgreSQL's protocol. */
function message(kind: string, ...parts: (string | Buffer)[]): Buffer {
  const bytes = Buffer.concat([Buffer.from(`${kind}....`), ...parts.map((part) => Buffer.from(part as string))]);
  bytes.writeInt32BE(bytes.length - kind.length, kind.length);
  return bytes;
}

function int16(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(2 * numbers.length);
  for (const [i, n] of numbers.entries()) bytes.writeInt16BE(n, 2 * i);
  return bytes;
}

/** A statement that was prepared once; it is a transaction, committed when PostgreSQL is ready for the next one. */
const toPostgres: Door = async (write, heard) => {
  let rest: Buffer = Buffer.alloc(0);
  const take: Take = (piece) => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let ready = false;
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const size = 1 + rest.readInt32BE(1);
      if (rest[0] === 0x45) throw new Error(rest.toString('latin1', 5, size));
      ready ||= rest[0] === 0x5a;
      rest = rest.subarray(size);
    }
    // What was read is read over.
    rest = Buffer.from(rest);
    return ready;
  };
  write(message('', int16(3, 0), 'user\0postgres\0database\0postgres\0\0'));
  await heard(take);
  write(Buffer.concat([message('P', 'i\0INSERT INTO audit_bench (body) VALUES ($1)\0', int16(0)), message('S')]));
  await heard(take);
  const length = Buffer.alloc(4);
  length.writeInt32BE(EVENT.length);
  const bind = message('B', '\0i\0', int16(0, 1), length, EVENT, int16(0));
  const request = Buffer.concat([bind, message('E', '\0', Buffer.alloc(4)), message('S')]);
  const at = request.indexOf(EVENT);
  return {
    ask() {
      renew(request, at);
      write(request);
    },
    take,
  };
};

const took: number[] = [];

/** Until `end`, one request after the other. */
async function client(door: Door, path: string, end: number): Promise<void> {
  let take: Take = () => false;
  let over = () => {};
  const callback = (bytes: number, buffer: Uint8Array) => {
    if (take((buffer as Buffer).subarray(0, bytes))) over();
    return true;
  };
  const socket = connect({ path, onread: { buffer: Buffer.alloc(16 << 10), callback } });
  await once(socket, 'connect');
  const heard = (by: Take) => {
    take = by;
    return new Promise<void>((resolve) => {
      over = resolve;
    });
  };
  const asked = await door((bytes) => socket.write(bytes), heard);
  await new Promise<void>((resolve, reject) => {
    socket.on('close', () => reject(new Error('the connection was closed')));
    let at = performance.now();
    take = asked.take;
    over = () => {
      const now = performance.now();
      took.push(now - at);
      if (now >= end) return resolve();
      at = now;
      asked.ask();
    };
    asked.ask();
  });
}

const [door, path] = kind === 'agent' ? [toAgent, where] : [toPostgres, join(where, '.s.PGSQL.5432')];
const began = performance.now();
await Promise.all(Array.from({ length: clients }, () => client(door, path, began + seconds * 1000)));
const { user, system } = process.cpuUsage();
const all = { events: took.length * batch, seconds: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 };
process.stdout.write(JSON.stringify({ ...all, p50: quantile(took, 0.5), p99: quantile(took, 0.99) }));
process.exit(0);
