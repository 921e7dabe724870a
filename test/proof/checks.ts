/**
 * Of the checks, what takes long or a whole machine: that node_exporter says the same again and again, whatever runs, and
 * that every check runs within the unit as systemd itself makes it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostFiles } from '../../src/checks/files.ts';
import { compareWith, noExporter, startExporter } from '../support/node-exporter.ts';
import { bootDebian, cannotProve, ROOT } from './debian.ts';

const APART_MS = 500;

/** So many times. */
export async function proveCompared(times: number): Promise<string> {
  if (noExporter) return noExporter;
  const host = new HostFiles();
  using exporter = await startExporter();
  let compared = 0;
  for (let i = 0; i < times; i++) {
    compared += await compareWith(host, exporter.scrape);
    await sleep(APART_MS);
  }
  host.close();
  return `checks: ${compared} values of node_exporter compared, ${times} times`;
}

/** What of the unit is no matter of the sandbox, or names what is not there. */
const NOT_SANDBOX =
  /^(Type|NotifyAccess|Exec\w+|Restart\w*|SyslogIdentifier|Timeout\w+|WatchdogSec|User|Group|SupplementaryGroups|\w+Directory\w*)=/;

/** Where a booted Debian sees what is tested, and has its Node: not in /root, which the unit hides. */
const [SHOWN, NODE] = ['/srv/runnel', '/usr/local/bin/node'];

interface Went {
  error: string | null;
  lacks: string | null;
}

/** By systemd-run, with the properties of the unit, as nobody: on this machine where systemd runs, else on a Debian that is booted. */
export function proveSandboxed(): string {
  const said = existsSync('/run/systemd/system') ? runHere() : null;
  const why = said === null ? cannotProve() : null;
  if (why) return `checks: NOT PROVEN within the unit: systemd does not run here, and another one ${why}`;
  const { went, uid } = JSON.parse(said ?? runBooted()) as { went: Record<string, Went>; uid: number };
  assert.notEqual(uid, 0);
  const all = Object.entries(went);
  assert.deepEqual(
    all.filter(([, { error }]) => error !== null),
    [],
  );
  const lacking = all.filter(([, { lacks }]) => lacks !== null).map(([name]) => name);
  return `checks: ${all.length} run within the unit; ${lacking.join(', ')} do without a part there, and say so`;
}

function inUnit(node: string, root: string): string[] {
  const unit = readFileSync(join(ROOT, 'systemd/runnel.service'), 'utf8');
  const service = unit.slice(unit.indexOf('[Service]'), unit.indexOf('[Install]'));
  const lines = service.split('\n').filter((line) => /^\w+=/.test(line) && !NOT_SANDBOX.test(line));
  const properties = [...lines, 'User=nobody'].map((line) => `--property=${line}`);
  return ['--wait', '--pipe', '--quiet', ...properties, node, join(root, 'test/support/sandboxed.ts'), 'real'];
}

function runHere(): string {
  const { status, stdout, stderr } = spawnSync('systemd-run', inUnit(process.execPath, ROOT), { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

function runBooted(): string {
  const dir = mkdtempSync(join(tmpdir(), 'runnel-checks-'));
  try {
    const words = inUnit(NODE, SHOWN).map((word) => `'${word}'`);
    const { read, all } = bootDebian({
      dir,
      script: `systemd-run ${words.join(' ')} > /root/went`,
      prepare(_, root) {
        copyFileSync(process.execPath, join(root, NODE));
        chmodSync(join(root, NODE), 0o755);
      },
      shown: [ROOT, SHOWN],
    });
    assert.match(read('went'), /^\{/, all());
    return read('went');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
