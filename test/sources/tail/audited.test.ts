/** `logs[].audit`: what may not stand beside it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ConfigError } from '../../../src/config/errors.ts';
import { loadConfig } from '../../../src/options.ts';

const dir = mkdtempSync(join(tmpdir(), 'runnel-audited-'));
after(() => rmSync(dir, { recursive: true }));
const PLAIN = { name: 'auditd', include: ['/var/log/audit/audit.log'], audit: true };

function load(more: Record<string, unknown>, section: Record<string, unknown>) {
  const path = join(dir, 'runnel.yaml');
  writeFileSync(path, JSON.stringify({ logs: [{ ...PLAIN, ...more }], ...section }));
  return loadConfig(path, { env: {} });
}

test('whatever could leave something out, or change it, is refused', async () => {
  const check = async (more: Record<string, unknown>, expected: RegExp, section: object = { audit: {} }) => {
    const error = await load(more, { ...section }).catch((error: Error) => error);
    assert.ok(error instanceof ConfigError, String(expected));
    assert.match(error.message, expected);
  };
  await check({}, /logs\[0\]\.audit needs the section audit/, {});
  await check({ process: [{ drop: { line: 'x' } }] }, /process is not for audit: true: no line may be left out/);
  await check({ process: [{ add: { a: 'b' } }] }, /process is not for audit/);
  await check({ ignore_older: '1h' }, /ignore_older is not for audit/);
  await check({ encoding: 'raw' }, /encoding is not for audit/);
  await check({ format: 'cri' }, /format is not for audit/);
  await check({ encoding_in: 'latin1' }, /encoding_in is not for audit/);
  await check({ multiline: { start: '^x' } }, /multiline is not for audit/);
  await check({ topic: 'other' }, /topic is not for audit: true: its lines go to audit\.topic, runnel\.audit/);
  await check({ name: 'Audit D' }, /name is not for audit: true: it is the name of the stream/);
});

test('mask is allowed, and another topic of audit', async () => {
  const { config } = await load({ mask: ['card'] }, { audit: { topic: 'proofs' } });
  assert.equal(config.logs[0]!.audit, true);
});
