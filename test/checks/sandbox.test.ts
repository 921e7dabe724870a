/** Every check as the unit has it: an account without rights but to read, and system calls that are refused. */
// Slow: runs every check, and takes an inventory.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const PROGRAM = join(ROOT, 'test/support/sandboxed.ts');
const NOBODY = '65534';
/** As the unit gives it. */
const RIGHT = '-all,+dac_read_search';

const skip =
  process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0
    ? false
    : 'NOT TESTED: needs root and setpriv';

test('within the sandbox of the unit every check says what it can, and what it lacks', { skip }, () => {
  const unit = readFileSync(join(ROOT, 'systemd/runnel.service'), 'utf8');
  for (const line of [
    'AmbientCapabilities=CAP_DAC_READ_SEARCH',
    'NoNewPrivileges=yes',
    'SystemCallErrorNumber=EPERM',
  ]) {
    assert.ok(unit.includes(line), `the unit has no ${line} any more: this test is of another sandbox`);
  }
  const how = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs'];
  const rights = [`--inh-caps=${RIGHT}`, `--ambient-caps=${RIGHT}`, `--bounding-set=${RIGHT}`];
  const { stdout, stderr } = spawnSync('setpriv', [...how, ...rights, process.execPath, PROGRAM], { encoding: 'utf8' });
  assert.equal(stderr, '');
  const { uid, went, kernel } = JSON.parse(stdout) as {
    uid: number;
    went: Record<string, { points: number; error: string | null; lacks: string | null }>;
    kernel: string;
  };
  assert.equal(uid, Number(NOBODY));
  assert.equal(kernel, release());
  const errors = Object.entries(went).filter(([, { error }]) => error !== null);
  assert.deepEqual(errors, []);
  assert.match(went.clock!.lacks ?? '', /adjtimex/);
  assert.match(went.processes!.lacks ?? '', /CAP_SYS_PTRACE/);
  const lacking = Object.keys(went).filter((name) => went[name]!.lacks !== null);
  assert.deepEqual(lacking, ['processes', 'clock']);
  assert.ok(['exec', 'module', 'openmetrics', 'http', 'tcp', 'textfile'].every((name) => went[name]));
  for (const name of ['cpu', 'memory', 'disk', 'filesystem', 'network', 'sockets', 'processes', 'paging']) {
    // Beside how it went.
    assert.ok(went[name]!.points > 2, `${name} says nothing`);
  }
});
