/** etsy's statsd, beside which the source is measured: what it has counted, and what that cost it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodePackages } from '../support/node-packages.ts';
import { freePort } from '../support/ports.ts';
import { cpuSeconds } from './proc.ts';

const VERSION = '0.9.0';
const FLUSH_MS = 500;

export interface Etsy extends AsyncDisposable {
  port: number;
  /** Lines, of the windows that have ended. */
  received(): number;
  cpu(): number;
  /** All that came so far is in a window that has ended. */
  flushed(): Promise<void>;
}

/** With nothing behind it but a count; or why it cannot be had. */
export async function startEtsy(dir: string): Promise<Etsy | string> {
  const had = nodePackages(`statsd-${VERSION}`, [`statsd@${VERSION}`]);
  if ('missing' in had) return had.missing;
  const [port, mgmt_port] = [await freePort(), await freePort()];
  const [backend, config, counted] = ['etsy-backend.js', 'etsy.json', 'etsy-counted'].map((name) => join(dir, name));
  writeFileSync(
    backend!,
    `// What it calls, and newer versions of Node do not have.
require('util').log ??= () => undefined;
let lines = 0;
exports.init = (_, __, events) => {
  events.on('flush', (_, { counters }) => {
    lines += counters['statsd.metrics_received'];
    require('fs').writeFileSync(${JSON.stringify(counted)}, String(lines));
  });
  return true;
};`,
  );
  const options = { port, mgmt_port, address: '127.0.0.1', flushInterval: FLUSH_MS, backends: [backend] };
  writeFileSync(config!, JSON.stringify(options));
  const program = join(had.folder, 'node_modules/statsd/stats.js');
  const child: ChildProcess = spawn(process.execPath, ['--require', backend!, program, config!], { stdio: 'ignore' });
  while (!existsSync(counted!)) {
    if (child.exitCode !== null) return `etsy's statsd ended with ${child.exitCode}`;
    await sleep(50);
  }
  return {
    port,
    received: () => Number(readFileSync(counted!, 'latin1')),
    cpu: () => cpuSeconds(child.pid!).total,
    flushed: () => sleep(3 * FLUSH_MS),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
