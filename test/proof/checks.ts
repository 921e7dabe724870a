/**
 * Of the checks, what takes long or a whole machine: that node_exporter says the same again and again, whatever runs, and
 * that every check runs within the unit as systemd itself makes it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostFiles } from '../../src/checks/files.ts';
import { compareWith, noExporter, startExporter } from '../support/node-exporter.ts';

const ROOT = join(import.meta.dirname, '../..');
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

/** By systemd-run, with the properties of the unit, as nobody. */
export function proveSandboxed(): string {
  if (!existsSync('/run/systemd/system')) return 'checks: NOT PROVEN within the unit: systemd does not run here';
  const unit = readFileSync(join(ROOT, 'systemd/runnel.service'), 'utf8');
  const service = unit.slice(unit.indexOf('[Service]'), unit.indexOf('[Install]'));
  const lines = service.split('\n').filter((line) => /^\w+=/.test(line) && !NOT_SANDBOX.test(line));
  const properties = [...lines, 'User=nobody'].map((line) => `--property=${line}`);
  const program = [process.execPath, join(ROOT, 'test/support/sandboxed.ts'), 'real'];
  const how = ['--wait', '--pipe', '--quiet', ...properties, ...program];
  const { status, stdout, stderr } = spawnSync('systemd-run', how, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const { went } = JSON.parse(stdout) as { went: Record<string, { error: string | null; lacks: string | null }> };
  const failed = Object.entries(went).filter(([, { error }]) => error !== null);
  assert.deepEqual(failed, []);
  return `checks: ${Object.keys(went).length} run within the unit`;
}
