/**
 * Load for the StatsD bench: sendmmsg(2) at a steady rate, from a process of its own. Arguments: port or path, lines a
 * second, seconds, series, kind, lines a packet.
 */
import { createRequire } from 'node:module';

const to = process.argv[2]!;
const [rate, seconds, series] = process.argv.slice(3, 6).map(Number) as [number, number, number];
const kind = process.argv[6] ?? 'c';
/** As a client with its default of 1432 bytes packs them, and as the targets are set. */
const LINES = Number(process.argv[7] ?? 15);
const BURST = 32;
/** A power of two, in which all series come. */
const DATAGRAMS = 2 ** Math.ceil(Math.log2(Math.max(2048, series / LINES)));

const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
const libc = koffi.load('libc.so.6');
const local = to.startsWith('/');
const fd = libc.func('int socket(int, int, int)')(local ? 1 : 2, 2, 0) as number;
const address = Buffer.alloc(local ? 110 : 16);
address.writeUInt16LE(local ? 1 : 2, 0);
if (local) address.write(to, 2);
else {
  address.writeUInt16BE(Number(to), 2);
  address.writeUInt32BE(0x7f000001, 4);
}
if (libc.func('int connect(int, void *, uint32_t)')(fd, address, address.length) !== 0)
  throw new Error('cannot connect');
const sendmmsg = libc.func('int sendmmsg(int, void *, uint32_t, int)');

const names = Array.from({ length: series }, (_, i) => {
  return [`http.requests.${i % 100}`, `env:prod,service:web-${i % 10},path:/p/${i},status:200`];
});
const bodies = Array.from({ length: DATAGRAMS }, (_, d) => {
  const lines = Array.from({ length: LINES }, (_, l) => {
    const [name, tags] = names[(d * LINES + l) % series]!;
    return `${name}:${(d * 31 + l * 17) % 500}|${kind}|#${tags}`;
  });
  return Buffer.from(lines.join('\n'));
});
const all = Buffer.concat(bodies);
const base = BigInt(koffi.address(all) as unknown as bigint);
const vectors = Buffer.from(new ArrayBuffer(DATAGRAMS * 16));
const headers = Buffer.from(new ArrayBuffer(DATAGRAMS * 64));
const vectorsAt = BigInt(koffi.address(vectors) as unknown as bigint);
let offset = 0;
for (const [i, body] of bodies.entries()) {
  vectors.writeBigUInt64LE(base + BigInt(offset), i * 16);
  vectors.writeBigUInt64LE(BigInt(body.length), i * 16 + 8);
  headers.writeBigUInt64LE(vectorsAt + BigInt(i * 16), i * 64 + 16);
  headers.writeBigUInt64LE(1n, i * 64 + 24);
  offset += body.length;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
const total = Math.round((rate * seconds) / LINES);
const began = performance.now();
let sent = 0;
while (sent < total) {
  const due = Math.min(total, ((performance.now() - began) / 1000) * (rate / LINES));
  if (sent + BURST > due && due < total) Atomics.wait(sleeper, 0, 0, 0.5);
  else {
    const at = (sent % DATAGRAMS) & ~(BURST - 1);
    const went = sendmmsg(fd, headers.subarray(at * 64, (at + BURST) * 64), Math.min(BURST, total - sent), 0) as number;
    if (went < 0) throw new Error(`cannot send: errno ${koffi.errno()}`);
    sent += went;
  }
}
// What the headers lead to is kept until here: else it would be collected while it is sent.
if (all.length !== offset || vectors.length !== DATAGRAMS * 16) throw new Error('what was sent is not what there was');
process.stdout.write(
  JSON.stringify({ sent, lines: sent * LINES, seconds: (performance.now() - began) / 1000, cpu: process.cpuUsage() }),
);
