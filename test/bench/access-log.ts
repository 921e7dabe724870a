/**
 * Access-log lines of 200 bytes, terminator included, with random ids: what the benchmarks read. The same file every time.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

export const LINE_BYTES = 200;
const CHUNK = 1 << 20;
const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT'];
const PATHS = ['/api/v1/users/', '/api/v1/orders/', '/static/img/', '/search?q=', '/cart/'];
const STATUSES = [200, 200, 200, 304, 404, 500];
const AGENTS = ['Mozilla/5.0 (X11; Linux x86_64)', 'curl/8.5.0', 'okhttp/4.12', 'python-requests/2.32'];

export function writeAccessLog(path: string, lines: number): void {
  const random = xorshift128(123456789);
  const file = openSync(path, 'w');
  try {
    let chunk = '';
    for (let i = 0; i < lines; i++) {
      chunk += line(i, random);
      if (chunk.length < CHUNK && i < lines - 1) continue;
      writeSync(file, chunk);
      chunk = '';
    }
  } finally {
    closeSync(file);
  }
}

function line(i: number, random: () => number): string {
  const pick = <T>(from: readonly T[]): T => from[random() % from.length]!;
  const address = `10.${random() % 256}.${random() % 256}.${random() % 256}`;
  const time = new Date(1_790_000_000_000 + i * 3).toISOString();
  const request = `${pick(METHODS)} ${pick(PATHS)}${random().toString(16)} HTTP/1.1`;
  let text = `${address} - - [${time}] "${request}" ${pick(STATUSES)} ${random() % 100_000} "-" "${pick(AGENTS)}"`;
  text += ` rt=${(random() % 10_000) / 1000} id=`;
  while (text.length < LINE_BYTES - 1) text += random().toString(16).padStart(8, '0');
  return `${text.slice(0, LINE_BYTES - 1)}\n`;
}

/** Marsaglia's xorshift with 128 bits of state: unsigned 32-bit numbers. */
function xorshift128(seed: number): () => number {
  let [x, y, z, w] = [seed, 362436069, 521288629, 88675123];
  return () => {
    const t = x ^ (x << 11);
    [x, y, z] = [y, z, w];
    w = (w ^ (w >>> 19) ^ (t ^ (t >>> 8))) >>> 0;
    return w;
  };
}
