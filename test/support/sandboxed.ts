/**
 * `node sandboxed.ts [real]`: runs every check twice, and one of each type of the configuration, takes an inventory, and
 * prints how each went. Without `real` it first puts on itself what systemd puts on the agent: system calls that answer EPERM.
 */

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { availableChecks, isOn } from '../../src/checks/all.ts';
import type { CustomCheckConfig } from '../../src/checks/custom/options.ts';
import { CustomRunner } from '../../src/checks/custom/runner.ts';
import { HostFiles } from '../../src/checks/files.ts';
import { takeInventory } from '../../src/checks/inventory.ts';
import { CheckRunner } from '../../src/checks/runner.ts';
import { needLibc } from '../../src/native/libc.ts';

/** Of @clock, @privileged and @resources: those that a check might make, by their numbers. */
const DENIED = {
  x64: {
    adjtimex: 159,
    clock_adjtime: 305,
    chown: 92,
    fchown: 93,
    lchown: 94,
    setuid: 105,
    setpriority: 141,
    nice: 34,
  },
  arm64: { adjtimex: 171, clock_adjtime: 266, fchownat: 54, fchown: 55, setuid: 146, setpriority: 140 },
} as const;

const LOAD_NUMBER = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const EPERM = 0x00050000 | 1;

/** A program of seccomp(2): struct sock_filter { u16 code; u8 jt, jf; u32 k }. */
function filter(numbers: readonly number[]): Buffer {
  const steps: [code: number, yes: number, no: number, k: number][] = [[LOAD_NUMBER, 0, 0, 0]];
  for (const [i, number] of numbers.entries()) steps.push([JUMP_IF_EQUAL, numbers.length - i, 0, number]);
  steps.push([RETURN, 0, 0, ALLOW], [RETURN, 0, 0, EPERM]);
  const bytes = Buffer.from(new ArrayBuffer(steps.length * 8));
  for (const [i, [code, yes, no, k]] of steps.entries()) {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(yes, i * 8 + 2);
    bytes.writeUInt8(no, i * 8 + 3);
    bytes.writeUInt32LE(k >>> 0, i * 8 + 4);
  }
  return bytes;
}

function deny(numbers: readonly number[]): void {
  const libc = needLibc();
  const steps = filter(numbers);
  const program = Buffer.from(new ArrayBuffer(16));
  program.writeUInt16LE(steps.length / 8, 0);
  program.writeBigUInt64LE(libc.address(steps), 8);
  const [PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER] = [38, 22, 2];
  libc.call('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)')(
    PR_SET_NO_NEW_PRIVS,
    1,
    0,
    0,
    0,
  );
  const seccomp = libc.call('int prctl(int, unsigned long, void *)');
  if (seccomp(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) !== 0) throw new Error('seccomp is refused here');
}

/** Those of the configuration, each of its type; what they find critical is an error, too. */
async function runCustom() {
  const server = createServer(({ url }, response) => response.end(url === '/nginx' ? NGINX : 'a 1\n')).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `http://${address}/`;
  const dir = await mkdtemp(join(tmpdir(), 'runnel-sandboxed-'));
  writeFileSync(join(dir, 'a.prom'), 'a 1\n');
  const config = join(import.meta.dirname, '../../config/checks/nginx.js');
  const checks = [
    { type: 'exec', command: ['/bin/sh', '-c', 'echo "OK|a=1"'], parse: 'nagios' },
    { type: 'module', path: config, options: { url: `${url}nginx` } },
    { type: 'openmetrics', url },
    { type: 'http', url },
    { type: 'tcp', address },
    { type: 'textfile', path: join(dir, '*.prom') },
  ];
  const found: [string, { points: number; error: string | null; lacks: null }][] = [];
  for (const check of checks) {
    const common = { name: check.type, timeout: 10_000, max_series: 100, tags: {}, expect: { status: [] } };
    const runner = new CustomRunner({ ...common, ...check } as unknown as CustomCheckConfig);
    const { length = 0 } = (await runner.run(10_000)) ?? [];
    found.push([check.type, { points: length, error: runner.state === 0 ? null : runner.message, lacks: null }]);
    await runner.close();
  }
  server.close();
  await rm(dir, { recursive: true });
  return found;
}

/** As its stub_status has it. */
const NGINX = 'Active connections: 1 \nserver accepts handled requests\n 3 3 5 \nReading: 0 Writing: 1 Waiting: 0 \n';

if (process.argv[2] !== 'real') deny(Object.values(DENIED[process.arch as keyof typeof DENIED]));
const settings = {
  cpu_per_core: true,
  cpu_frequency: true,
  processes: { states: true, match: [{ name: 'all', process: '*' }] },
};
const host = new HostFiles();
const went: Record<string, { points: number; error: string | null; lacks: string | null }> = {};
for (const [name, check] of await availableChecks(host, settings)) {
  if (!isOn(name, settings)) continue;
  const runner = new CheckRunner(name, check);
  await runner.run(10_000);
  host.newRound();
  const { length } = await runner.run(10_000);
  went[name] = { points: length, error: runner.status.last_error, lacks: runner.status.lacks };
}
for (const [name, { error, lacks, points }] of await runCustom()) went[name] = { points, error, lacks };
const inventory = await takeInventory(new AbortController().signal);
process.stdout.write(JSON.stringify({ uid: process.getuid!(), went, kernel: inventory.os.kernel }));
