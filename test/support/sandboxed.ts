/**
 * `node sandboxed.ts [real]`: runs every check twice, takes an inventory, and prints how each went. Without `real` it first
 * puts on itself what systemd puts on the agent: system calls that answer EPERM.
 */

import { availableChecks, isOn } from '../../src/checks/all.ts';
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
const inventory = await takeInventory(new AbortController().signal);
process.stdout.write(JSON.stringify({ uid: process.getuid!(), went, kernel: inventory.os.kernel }));
