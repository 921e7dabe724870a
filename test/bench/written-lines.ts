/** Lines as pino, zap, logback and nginx write them, the same in each run. */
import { closeSync, openSync, writeSync } from 'node:fs';

const START = 1_790_000_000_000;
const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT'];
const PATHS = ['/api/v1/users/', '/api/v1/orders/', '/static/img/', '/search?q=', '/cart/'];
const STATUS = [200, 200, 200, 304, 404, 500];
const LEVELS = ['info', 'info', 'info', 'debug', 'warn', 'error'];
const MESSAGES = [
  'request completed',
  'user logged in',
  'cache miss for key',
  'payment accepted',
  'retrying upstream call',
  'slow query detected in "orders" table',
  'connection reset by peer',
];

let state = [123_456_789, 362_436_069, 521_288_629, 88_675_123] as [number, number, number, number];

/** Marsaglia's xorshift. */
function random(below: number): number {
  const [x, y, z, w] = state;
  const t = x ^ (x << 11);
  const next = (w ^ (w >>> 19) ^ (t ^ (t >>> 8))) >>> 0;
  state = [y, z, w, next];
  return next % below;
}

const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
const address = () => `${10 + random(200)}.${random(256)}.${random(256)}.${random(256)}`;

function hex(digits: number): string {
  let text = '';
  while (text.length < digits)
    text += random(2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return text.slice(0, digits);
}

const LINES = {
  pino: (i: number) => ({
    ...{ level: 30, time: START + i * 3, pid: 4711, hostname: 'web-1', name: 'orders', reqId: hex(16) },
    req: { method: pick(METHODS), url: pick(PATHS) + hex(8), remoteAddress: address(), remotePort: random(65_536) },
    ...{ res: { statusCode: pick(STATUS) }, responseTime: random(100_000) / 100, msg: pick(MESSAGES) },
  }),
  zap: (i: number) => ({
    ...{ level: pick(LEVELS), ts: new Date(START + i * 3).toISOString(), caller: `server/handler.go:${random(500)}` },
    ...{ msg: pick(MESSAGES), trace_id: hex(32), span_id: hex(16), user: `u${random(100_000)}`, status: pick(STATUS) },
    ...{ latency_ms: random(10_000) / 10, cached: random(2) === 0 },
  }),
  logback: (i: number) => ({
    ...{
      '@timestamp': new Date(START + i * 3).toISOString(),
      '@version': '1',
      message: `${pick(MESSAGES)} id=${hex(12)}`,
    },
    ...{ logger_name: 'com.example.shop.orders.OrderService', thread_name: `http-nio-8080-exec-${random(100)}` },
    ...{ level: pick(LEVELS).toUpperCase(), level_value: 20_000 },
    ...{ mdc: { traceId: hex(32), spanId: hex(16), tenant: 'acme' }, tags: ['checkout', 'eu'], app: 'shop' },
    build: { version: `4.12.${random(50)}`, commit: hex(40) },
  }),
};

export type JsonWriter = keyof typeof LINES;
export const JSON_WRITERS = Object.keys(LINES) as JsonWriter[];
export type Writer = JsonWriter | 'combined';
export const WRITERS: readonly Writer[] = [...JSON_WRITERS, 'combined'];

/** What a program's lines are parsed by, and what else is done to them. */
export const STEPS: Record<Writer, [parse: object, ...others: object[]]> = {
  pino: [{ parse: 'json' }, { time: 'time' }, { level: 'level' }, { rename: { msg: 'message' } }],
  zap: [{ parse: 'json' }, { time: 'ts' }, { level: 'level' }, { rename: { msg: 'message' } }],
  logback: [{ parse: 'json' }, { time: '@timestamp' }, { level: 'level' }],
  combined: [{ parse: 'combined' }],
};

export function jsonLine(writer: JsonWriter, i: number): string {
  return JSON.stringify(LINES[writer](i));
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const BROWSERS = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36',
  'curl/8.5.0',
  'okhttp/4.12.0',
  'python-requests/2.32.3',
];

function combinedLine(i: number): string {
  const [date, clock] = new Date(START + i * 3).toISOString().slice(0, 19).split('T') as [string, string];
  const [year, month, day] = date.split('-') as [string, string, string];
  const time = `${day}/${MONTHS[Number(month) - 1]}/${year}:${clock} +0000`;
  const referrer = random(2) === 0 ? '-' : `https://example.com/${hex(12)}`;
  const request = `${pick(METHODS)} ${pick(PATHS)}${hex(8)} HTTP/1.1`;
  const user = random(5) === 0 ? 'alice' : '-';
  return `${address()} - ${user} [${time}] "${request}" ${pick(STATUS)} ${random(100_000)} "${referrer}" "${pick(BROWSERS)}"`;
}

export function writeLines(path: string, writer: Writer, count: number): void {
  state = [123_456_789, 362_436_069, 521_288_629, 88_675_123];
  const file = openSync(path, 'w');
  for (let i = 0; i < count; ) {
    let text = '';
    for (const end = Math.min(count, i + 5000); i < end; i++) {
      text += `${writer === 'combined' ? combinedLine(i) : jsonLine(writer, i)}\n`;
    }
    writeSync(file, text);
  }
  closeSync(file);
}
