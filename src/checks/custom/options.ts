/** `metrics.checks`: what is asked of each type. */
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import {
  alternative,
  dictionary,
  type Grammar,
  grammar,
  list,
  option,
  optional,
  required,
  secret,
  section,
  type Values,
} from '../../config/option.ts';
import { duration, integer, name, oneOf, path, size, text, url, yesNo } from '../../config/types.ts';
import { OUTPUTS } from './output.ts';
import { faultOfFile } from './runnable.ts';

export const TYPES = ['tcp', 'exec', 'module', 'openmetrics', 'http', 'dns', 'textfile'] as const;
type Type = (typeof TYPES)[number];

const tls = section({
  ca_file: optional(path('/etc/ssl/certs/internal.pem'), 'Who may have signed its certificate.'),
  cert_file: optional(path('/etc/runnel/client.pem'), 'The certificate to show.'),
  key_file: optional(path('/etc/runnel/client.key'), 'Its key.'),
  server_name: optional(text('name', 'app.internal'), 'The name that its certificate is for.'),
  insecure: option(yesNo(), 'false', 'Takes any certificate: whoever stands between can answer.'),
});

const expect = section({
  status: option(list(integer(100, 599)), [], 'Which are right. []: 200 to 399.'),
  body: optional(text('text', 'ok'), 'What the first MiB of the answer must hold.'),
});

const entry = section({
  name: required(name('text', 'queue'), 'What it is called, in event.dataset and as the attribute check.'),
  type: required(oneOf(...TYPES), 'What is done.'),
  interval: optional(duration({ min: '1s', max: '1d' }), 'How often it runs. Default: metrics.interval.'),
  timeout: option(duration({ min: '100ms', max: '1h' }), '5s', 'When it is given up.'),
  tags: option(dictionary(text()), {}, 'Labels of its records.'),
  max_series: option(integer(1, 1_000_000), '10000', 'Measurements of a run; more are left out, and counted.'),
  max_bytes: alternative(
    size({ min: '1KiB', max: '256MiB' }),
    'openmetrics, textfile: the longest answer, or file, that is read. Default: 16MiB.',
  ),
  command: alternative(
    secret(list(text('text', '/usr/lib/nagios/plugins/check_load')), 'arguments'),
    'exec: the program and its arguments; no shell.',
  ),
  parse: alternative(oneOf(...OUTPUTS), 'exec: what it prints.'),
  path: alternative(
    path('/etc/runnel/checks/queue.ts'),
    'module: the file (JavaScript, or TypeScript with Node 22.18). textfile: files; * in the last part stands for anything.',
  ),
  options: alternative(secret(freely()), 'module: what it gets; what reads as a number, true or false is one.'),
  url: alternative(url('http://127.0.0.1:9100/metrics'), 'openmetrics, http: what is asked.'),
  socket: alternative(
    path('/run/app.sock'),
    'openmetrics, http: a Unix socket to ask at, in place of the host in url.',
  ),
  method: alternative(oneOf('GET', 'HEAD', 'POST', 'PUT'), 'http: how. Default: GET.'),
  headers: alternative(secret(dictionary(text())), 'openmetrics, http: sent with it; not to where it redirects.'),
  body: alternative(secret(text('text', '{}')), 'http: what is sent.'),
  token_file: alternative(
    path('/etc/runnel/token'),
    'openmetrics, http: holds a bearer token; read anew for each run.',
  ),
  tls: alternative(tls, 'openmetrics, http: of https.'),
  expect: alternative(expect, 'http: what is right.'),
  allow: alternative(
    list(text('pattern', 'http_*')),
    'openmetrics: metrics that are taken; * stands for anything. []: all.',
  ),
  deny: alternative(list(text('pattern', 'go_*')), 'openmetrics: metrics that are not.'),
  rename: alternative(dictionary(text()), 'openmetrics: the names that metrics go by otherwise.'),
  address: optional(text('host:port', '127.0.0.1:5432'), 'tcp: where.'),
  query: alternative(text('name', 'db.internal'), 'dns: a name.'),
  server: alternative(text('address', '10.0.0.2'), 'dns: who is asked. Default: the servers of the machine.'),
});

export const checksOption = option(list(entry), [], 'Further checks.');
export type CustomCheckConfig = Values<typeof entry>;

/** What each must have, and what else it may. */
const OF: Record<Type, { needs: (keyof CustomCheckConfig)[]; takes: (keyof CustomCheckConfig)[] }> = {
  exec: { needs: ['command', 'parse'], takes: [] },
  module: { needs: ['path'], takes: ['options'] },
  openmetrics: {
    needs: ['url'],
    takes: ['allow', 'deny', 'rename', 'max_bytes', 'socket', 'headers', 'token_file', 'tls'],
  },
  http: { needs: ['url'], takes: ['method', 'headers', 'body', 'expect', 'socket', 'token_file', 'tls'] },
  tcp: { needs: ['address'], takes: [] },
  dns: { needs: ['query'], takes: ['server'] },
  textfile: { needs: ['path'], takes: ['max_bytes'] },
};
const ALL: (keyof CustomCheckConfig)[] = ['name', 'type', 'interval', 'timeout', 'tags', 'max_series'];
const EXAMPLES: Partial<Record<keyof CustomCheckConfig, string>> = {
  command: '[/usr/lib/nagios/plugins/check_load]',
  parse: 'nagios',
  path: '/etc/runnel/checks/queue.ts',
  url: 'http://127.0.0.1:9100/metrics',
  address: '127.0.0.1:5432',
  query: 'db.internal',
};

type Say = (path: readonly (string | number)[], message: string) => void;

/** Places are within the list. What is not there now is no reason for the agent not to run: its check says it until it is. */
export function checkCustom(
  checks: readonly CustomCheckConfig[],
  taken: readonly string[],
  refuse: Say,
  warn: Say,
): void {
  for (const [i, check] of checks.entries()) {
    const { name, type } = check;
    const { needs, takes } = OF[type];
    if (checks.findIndex((other) => other.name === name) !== i) refuse([i, 'name'], `${name} is there twice`);
    if (taken.includes(name)) refuse([i, 'name'], `${name} is the name of a built-in check: choose another`);
    for (const key of needs) {
      if (check[key] === undefined) refuse([i], `needs ${key}, for example ${key}: ${EXAMPLES[key]}`);
    }
    for (const [key, value] of Object.entries(check) as [keyof CustomCheckConfig, unknown][]) {
      if (ALL.includes(key) || needs.includes(key) || takes.includes(key) || value === undefined) continue;
      refuse([i, key], `is nothing for ${type}: it takes ${[...needs, ...takes].join(', ')}`);
    }
    const wrong = faultOf(check);
    if (wrong) refuse([i, wrong[0]], wrong[1]);
    const [key, fault] = wrong ? [] : faultOfRunnable(check);
    if (key && fault) (fault.passing ? warn : refuse)([i, key], fault.message);
  }
}

function faultOf(check: CustomCheckConfig): [keyof CustomCheckConfig, string] | null {
  const { type, command, path, address, server } = check;
  if (type === 'exec' && command) {
    const [program] = command;
    if (!program) return ['command', 'is empty: it begins with a program'];
    if (!program.startsWith('/')) return ['command', `begins with ${program}: write the whole path of the program`];
  }
  if (type === 'tcp' && address && !/^(?:\[[\da-fA-F:.]+\]|[^:\s]+):\d{1,5}$/.test(address))
    return ['address', 'must be host:port, for example 127.0.0.1:5432'];
  if (type === 'tcp' && address && !isPort(Number(/\d+$/.exec(address)![0])))
    return ['address', 'ends with no port: 1 to 65535'];
  if (type === 'dns' && server && !isServer(server))
    return ['server', 'must be an address, for example 10.0.0.2 or 10.0.0.2:53'];
  if (type === 'textfile' && path && dirname(path).includes('*'))
    return ['path', 'has a * in a directory: it may stand in the last part only'];
  return null;
}

function faultOfRunnable({
  type,
  command,
  path,
}: CustomCheckConfig): [] | ['command' | 'path', ReturnType<typeof faultOfFile>] {
  if (type === 'exec' && command) return ['command', faultOfFile(command[0]!)];
  return type === 'module' && path ? ['path', faultOfFile(path)] : [];
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}

function isServer(server: string): boolean {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(server);
  return found ? isIP(found[1] ?? found[2]!) > 0 && isPort(Number(found[3])) : isIP(server) > 0;
}

/** Scalars come as text: what reads as another is that. */
function freely(): Grammar<Record<string, unknown>> {
  const json = { type: 'object', additionalProperties: true };
  return grammar<Record<string, unknown>>(
    { label: 'map', json, example: '{depth: 3}' },
    (value) => typed(value) as Record<string, unknown>,
  );
}

function typed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(typed);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, typed(inner)]));
  if (value === 'true' || value === 'false') return value === 'true';
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) && String(Number(value)) === value
    ? Number(value)
    : value;
}
