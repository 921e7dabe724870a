/** A network of its own, whose only name server takes questions and never answers; it needs root, unshare and ip. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { directory } from './directory.ts';

/** Lookups take longer than any test. */
const SERVERS = 'nameserver 127.0.0.1\noptions timeout:30 attempts:5\n';
const INSIDE = 'ip link set lo up; mount --bind "$0" /etc/resolv.conf; exec "$@"';
const PATIENCE_MS = 20_000;

/** The server, at the beginning of a program. */
const SERVER = `
const server = (await import('node:dgram')).createSocket('udp4').bind(53, '127.0.0.1');
await (await import('node:events')).once(server, 'listening');
`;

/** Runs the program there; null: it cannot be had. */
export function runDeaf(t: TestContext, program: string) {
  const file = join(directory(t), 'resolv.conf');
  writeFileSync(file, SERVERS);
  const how = ['--net', '--mount', '--propagation', 'private', 'sh', '-ec', INSIDE, file];
  const run = (...command: string[]) =>
    spawnSync('unshare', [...how, ...command], { encoding: 'utf8', timeout: PATIENCE_MS, killSignal: 'SIGKILL' });
  if (run('true').status !== 0) return null;
  return run(process.execPath, '--input-type=module', '-e', SERVER + program);
}
