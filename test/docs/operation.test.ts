/** docs/operation.md and docs/losses.md are complete: each alert, each reason to wait, each loss has what to do. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { builtinRules } from '../../src/alerts/builtin.ts';
import { LOSSES } from '../../src/core/losses.ts';
import { page, ROOT } from '../support/docs-pages.ts';

const { text } = page('docs/operation.md');
const named = (pattern: RegExp) => new Set([...text.matchAll(pattern)].map(([, name]) => name!));

test('each built-in alert, and each for Prometheus, is in the runbook; no other is', () => {
  const rules = readFileSync(join(ROOT, 'prometheus/runnel.rules.yaml'), 'utf8');
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);
  const builtin = builtinRules().map(({ name }) => name);
  assert.deepEqual([...named(/`(runnel-[a-z-]+)`/g)].sort(), builtin.sort());
  assert.deepEqual([...named(/`(Runnel\w+)`/g)].sort(), alerts.sort());
});

test('each section of an alert says what to do', () => {
  const [, part] = /## Alerts\n(.*?)\n## /s.exec(text)!;
  for (const section of part!.split(/^### /m).slice(1)) {
    const [title, , ...rest] = section.split('\n');
    assert.ok(rest.join(' ').trim().length > 80, `${title}`);
  }
});

test('each reason for which a file waits is explained; no other is', () => {
  const source = readFileSync(join(ROOT, 'src/sources/tail/file/wait.ts'), 'utf8');
  const [, held = ''] = /const HOLDS = \{(.*?)\n\};/s.exec(source)!;
  const holds = [...held.matchAll(/^ {2}'?([a-z ]+?)'?: true/gm)].map(([, name]) => name!);
  const others = [...source.matchAll(/^ {2}\| '([a-z ]+)'/gm)].map(([, name]) => name!);
  const [, table] = /## Why a file waits\n(.*?)\n## /s.exec(text)!;
  const rows = [...table!.matchAll(/^\| `([a-z ]+)` \|/gm)].map(([, name]) => name!);
  assert.ok(holds.length > 4 && others.length > 4);
  assert.deepEqual(rows.sort(), [...holds, ...others].sort());
});

test('each loss has a meaning and a remedy, on its page too', () => {
  const losses = page('docs/losses.md').text;
  for (const [reason, { meaning, remedy }] of Object.entries(LOSSES)) {
    assert.ok(meaning.length > 10 && remedy.length > 10, reason);
    assert.ok(losses.includes(`| \`${reason}\` | `), reason);
  }
});
