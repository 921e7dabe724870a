/**
 * What others' agents cost when nothing happens, for the idle figures: those that Debian has, as far as they are
 * installed, each doing what it does best of the same work, for as long and at the same time.
 *
 *   collectd                   the host's metrics every ten seconds
 *   prometheus-node-exporter   the same, asked every ten seconds
 *   rsyslogd                   the hundred files, by imfile
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/ports.ts';
import { cpuSeconds, memoryMb } from './proc.ts';

const EVERY_MS = 10_000;
const COLLECTD = ['cpu', 'memory', 'disk', 'df', 'interface', 'load', 'swap', 'processes', 'uptime', 'vmem'];

export interface Peer extends AsyncDisposable {
  name: string;
  cpu(): number;
  memory(): number;
}

/** Starts all that are there. `include`: the files that the agent reads. */
export async function startPeers(dir: string, include: string): Promise<Peer[]> {
  const folder = join(dir, 'peers');
  mkdirSync(folder, { recursive: true });
  const peers: Peer[] = [];
  if (has('collectd')) peers.push(peer('collectd', ['-f', '-C', collectd(folder)]));
  if (has('rsyslogd')) peers.push(peer('rsyslogd', ['-n', '-f', rsyslog(folder, include), '-i', join(folder, 'pid')]));
  if (has('prometheus-node-exporter')) {
    const address = `127.0.0.1:${await freePort()}`;
    const scrape = () => fetch(`http://${address}/metrics`).then((answer) => answer.text());
    // The first one is asked before it listens.
    const timer = setInterval(() => scrape().catch(() => undefined), EVERY_MS);
    peers.push(peer('prometheus-node-exporter', [`--web.listen-address=${address}`], () => clearInterval(timer)));
  }
  return peers;
}

function has(command: string): boolean {
  return spawnSync('which', [command]).status === 0;
}

function peer(command: string, args: string[], ended: () => void = () => undefined): Peer {
  const child: ChildProcess = spawn(command, args, { stdio: 'ignore' });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${command} cannot be started`);
  return {
    name: command,
    cpu: () => cpuSeconds(pid).total,
    memory: () => memoryMb(pid).now,
    [Symbol.asyncDispose]: async () => {
      ended();
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}

function collectd(folder: string): string {
  const file = join(folder, 'collectd.conf');
  const plugins = [...COLLECTD, 'csv'].map((name) => `LoadPlugin ${name}`);
  const csv = `<Plugin csv>\n  DataDir "${join(folder, 'csv')}"\n</Plugin>`;
  writeFileSync(file, `BaseDir "${folder}"\nInterval ${EVERY_MS / 1000}\n${plugins.join('\n')}\n${csv}\n`);
  return file;
}

function rsyslog(folder: string, include: string): string {
  const file = join(folder, 'rsyslog.conf');
  const work = `global(workDirectory="${folder}")\nmodule(load="imfile")\n`;
  writeFileSync(file, `${work}input(type="imfile" File="${include}" Tag="idle")\n*.* ${join(folder, 'all.log')}\n`);
  return file;
}
