/** What an agent says of its steps: in its status, for people and programs, and in its figures. */
// Slow: runs programs.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { stepLines, stepNotices, stepTables } from '../../src/transforms/report.ts';
import { makeHome, runnel } from '../support/agent.ts';

test('a step says what came, what it left, and what it could not do', () => {
  const steps = [
    { step: 1, verb: 'parse', in: 90_000, out: 90_000, failed: 7 },
    { step: 2, verb: 'drop', in: 90_000, out: 0, failed: 0 },
    { step: 3, verb: 'keep', in: 999, out: 0, failed: 0 },
  ];
  assert.deepEqual(stepLines(steps), [
    '  step 1, parse: 90000 lines in, 90000 out, 7 failed',
    '  step 2, drop: 90000 lines in, 0 out',
    '  step 3, keep: 999 lines in, 0 out',
  ]);
  assert.deepEqual(stepNotices('logs shop', steps), ['logs shop: step 2 has dropped all 90,000 lines (drop)']);
  assert.deepEqual(stepTables('logs shop', steps)[0]!.rows[0], ['1 parse', '90,000', '90,000', { bad: '7' }]);
  assert.deepEqual(stepTables('logs shop', []), []);
});

test('a step that drops everything is said among the reasons, and the agent is ready all the same', async () => {
  await using home = await makeHome();
  writeFileSync(home.path('a.log'), 'GET /\n'.repeat(2500));
  const process = [{ keep: { line: { starts: 'GET' } } }, { drop: { line: { contains: '/' } } }];
  const agent = await home.start({ logs: [{ name: 'shop', include: home.path('*.log'), process }] });
  const said = 'logs shop: step 2 has dropped all 2,500 lines (drop)';
  const status = await agent.until(({ logs }) => logs[0]!.steps[1]!.in === 2500, 'all are read');
  assert.deepEqual([status.ready, status.reasons], [true, [said]]);
  assert.deepEqual(status.logs[0]!.steps, [
    { step: 1, verb: 'keep', in: 2500, out: 2500, failed: 0 },
    { step: 2, verb: 'drop', in: 2500, out: 0, failed: 0 },
  ]);
  const { stdout } = await runnel('status', '-c', home.path('runnel.yaml'));
  assert.match(stdout, /: ready\n {2}! logs shop: step 2 has dropped all 2,500 lines \(drop\)\n/);
  assert.match(stdout, / {2}step 2, drop: 2500 lines in, 0 out\n/);
  const figures = await (await fetch(`${agent.admin}/metrics`)).text();
  for (const [step, left] of [
    [1, 0],
    [2, 2500],
  ]) {
    assert.match(figures, new RegExp(`runnel_filtered_total\\{input="logs.shop",step="${step}"\\} ${left}\n`));
  }
});
