/** What steps count of lines, from outside: each window is sent though no line comes any more, and the last one at the stop. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeHome, runnel } from '../support/agent.ts';

test('a window is sent when it ends, and at the stop what is left; a kill -9 loses that, and no line', async () => {
  await using home = await makeHome();
  mkdirSync(home.path('logs'));
  const log = home.path('logs', 'a.log');
  const lines = (count: number) => '{"kind":"x"}\n'.repeat(count);
  writeFileSync(log, lines(1000));
  const config = (flush_interval: string) => ({
    statsd: { listen: [], flush_interval },
    logs: [
      {
        name: 'a',
        include: [log],
        process: [{ parse: 'json' }, { metric: { name: 'app.lines', count: true, by: ['kind'] } }],
      },
    ],
  });
  /** What there is of the metric in the local log: lines, by record. */
  const sums = async () => {
    const { stdout } = await runnel('spool', 'cat', 'runnel.metrics', '-c', home.path('runnel.yaml'));
    const documents = stdout.split('\n').filter((line) => line.includes('"app.lines"'));
    return documents.map((line) => JSON.parse(line.slice(line.indexOf('{'))).value as number);
  };
  const sum = async () => (await sums()).reduce((all, value) => all + value, 0);

  const quiet = await home.start(config('1s'));
  // Nothing more is written meanwhile.
  await quiet.until(({ conservation }) => conservation.inputs['metric.a']?.in_local_log === 1000, 'it is sent');
  assert.equal(await sum(), 1000);
  await quiet.stop();

  const stopped = await home.start(config('1h'));
  appendFileSync(log, lines(500));
  await stopped.until(({ logs }) => logs[0]?.lines === 500 && logs[0].lag_bytes === 0, 'the lines are read');
  await stopped.stop();
  assert.equal(await sum(), 1500);

  const killed = await home.start(config('1h'));
  appendFileSync(log, lines(300));
  await killed.until(({ logs }) => logs[0]?.lines === 300 && logs[0].lag_bytes === 0, 'the lines are read');
  await killed.kill9();
  assert.equal(await sum(), 1500, 'as its text says, the window is lost');
  const { stdout } = await runnel('spool', 'cat', 'runnel.logs', '-c', home.path('runnel.yaml'));
  assert.equal(stdout.match(/"kind":"x"/g)!.length, 1800);
});
