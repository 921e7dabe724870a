/** What checks meet that means no good: each is told by one warning, and by a counter, however often it happens. */
// Slow: starts programs and modules, and waits for deadlines.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CustomCheckConfig } from '../../../src/checks/custom/options.ts';
import type { CheckStatus } from '../../../src/checks/runner.ts';
import { Account } from '../../../src/core/account.ts';
import { Figures } from '../../../src/core/figures.ts';
import type { Source } from '../../../src/core/pipeline.ts';
import { sayTo } from '../../../src/log.ts';
import { loadConfig } from '../../../src/options.ts';
import { customSource } from '../../../src/sources/host/custom.ts';
import { hostSource } from '../../../src/sources/host/host.ts';
import { figures } from '../../../src/sources/host/report.ts';
import { folder, server } from '../../support/custom-checks.ts';
import { type Files, MACHINES, machine } from '../../support/machines.ts';
import { TestOutput } from '../../support/output.ts';

const INTERVAL = 4000;
const RUNS = 2;
const MOST_SERIES = 1000;
const MANY = 100_000;

const said: string[] = [];
sayTo((level, message) => {
  if (level === 'warn') said.push(message);
});
/** Of one check. */
const warnings = (name: string) => said.filter((text) => text.startsWith(`check ${name}`));

/** Those that are not 0. */
function countersOf(status: CheckStatus): string[] {
  const to = new Figures();
  figures({ checks: [status] }, to);
  return to.all
    .filter(({ kind, name }) => kind === 'counter' && name !== 'check_runs_total' && name !== 'check_skipped_total')
    .flatMap(({ name, samples }) => samples.map(({ value }) => ({ name, value })))
    .filter(({ value }) => value > 0)
    .map(({ name, value }) => `${name} ${value}`);
}

/** Until it has run so often. */
async function runUntil(source: Source, runs: () => number): Promise<void> {
  const aborter = new AbortController();
  const output = new TestOutput((batch) => {
    batch.stream.account.forwarded += batch.weight;
    if (runs() >= RUNS) aborter.abort();
  }, 32 << 20);
  await source.run(output, aborter.signal);
}

const common = { topic: 'runnel.metrics', host: 'web-1', tags: {}, nextWindowId: () => 'agent-1' };

async function statusOf(t: TestContext, name: string, check: Record<string, unknown>): Promise<CheckStatus> {
  const file = join(await folder(t), 'runnel.yaml');
  const entry = { name, timeout: '3s', max_series: MOST_SERIES, ...check };
  writeFileSync(file, JSON.stringify({ metrics: { checks: [entry] } }));
  const { config } = await loadConfig(file);
  const [custom] = config.metrics.checks as CustomCheckConfig[];
  const source = customSource({ ...common, check: custom!, interval: INTERVAL, account: new Account(name) });
  await runUntil(source, () => source.status().runs);
  return source.status();
}

test('a check of the configuration that goes wrong, each time, is one warning, and each run is counted', async (t) => {
  const dir = await folder(t);
  const large = Buffer.alloc(50 << 20, 'a 1\n');
  const many = Buffer.from(Array.from({ length: MANY }, (_, i) => `n${i} 1\n`).join(''));
  const url = await server(t, (request, response) => {
    if (request.url === '/round') response.writeHead(302, { location: '/round' }).end();
    else if (request.url === '/endless') response.write('a 1\n');
    else if (request.url === '/large') response.end(large);
    else response.end(many);
  });
  const odd = createTcp((socket) => socket.end('SSH-2.0-x\r\n')).listen(0, '127.0.0.1');
  await once(odd, 'listening');
  t.after(() => odd.close());
  const ssh = `http://127.0.0.1:${(odd.address() as AddressInfo).port}`;
  const sh = (script: string, parse = 'prometheus') => ({ type: 'exec', command: ['/bin/sh', '-c', script], parse });
  const module = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return { type: 'module', path: join(dir, name) };
  };
  const brief = { timeout: '500ms' };
  const failed = ['check_errors_total 2'];
  const critical = ['check_criticals_total 2'];
  const cases: [string, Record<string, unknown>, RegExp, string[]][] = [
    ['flood', sh('yes'), /failed: \/bin\/sh prints more than 8 MiB/, failed],
    ['hang', { ...sh('sleep 60'), ...brief }, /failed: no end after 0\.5 s/, failed],
    ['137', sh('exit 137'), /failed: \/bin\/sh ended with exit code 137/, failed],
    ['nan', sh('echo a NaN'), /1 values were left out: they are no numbers/, ['check_not_finite_total 2']],
    ['warns', sh('echo "so so"; exit 1', 'nagios'), /./, ['check_warnings_total 2']],
    ['many', { type: 'openmetrics', url }, /99000 measurements were left out/, ['check_truncated_total 198000']],
    ['50mb', { type: 'openmetrics', url: `${url}/large` }, /is critical: .*more than 16777216 bytes/, critical],
    ['endless', { type: 'openmetrics', url: `${url}/endless`, ...brief }, /failed: no end after 0\.5 s/, failed],
    ['round', { type: 'http', url: `${url}/round` }, /is critical: .*redirects more than 5 times/, critical],
    ['ssh', { type: 'http', url: ssh }, /is critical: .*does not speak HTTP/, critical],
    ['compile', module('compile.js', 'const x = ;\n'), /failed: .*compile\.js:1: Unexpected token/, failed],
    ['throws', module('throws.js', "export default { run() {\nthrow new Error('no') } };"), /throws\.js:2: no/, failed],
    [
      'never',
      { ...module('never.js', 'export default { run: () => new Promise(() => {}) }'), ...brief },
      /no end/,
      failed,
    ],
    ['loop', { ...module('loop.js', 'export default { run() { for (;;); } }'), ...brief }, /no end/, failed],
  ];
  const found = await Promise.all(cases.map(([name, check]) => statusOf(t, name, check)));
  for (const [i, [name, , warns, counts]] of cases.entries()) {
    assert.deepEqual(countersOf(found[i]!), counts, `${name}: ${found[i]!.last_error}`);
    const told = warnings(name);
    // What a plugin finds is its own matter to tell: it is in the metrics.
    assert.equal(told.length, name === 'warns' ? 0 : 1, `${name}: ${told}`);
    for (const text of told) assert.match(text, warns);
  }
});

test('what of the machine cannot be measured is one warning, and each run without it is counted', async () => {
  const { '/proc/loadavg': _, ...files } = MACHINES['linux 6.12 with docker'] as Files;
  const interfaces = Array.from({ length: 1003 }, (__, i) => `eth${i}: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n`);
  using made = machine({ ...files, '/proc/1/net/dev': `Inter-|\n face |\n${interfaces.join('')}` });
  const config = { interval: 1000, host_root: made.root, host: { load: true, network: true } };
  const source = hostSource({ ...common, config, account: new Account('host') });
  const status = (name: string) => source.status().find((one) => one.name === name)!;
  await runUntil(source, () => status('network').runs);
  assert.deepEqual(countersOf(status('network')), ['check_warnings_total 2']);
  assert.deepEqual(warnings('network'), [
    'check network does without a part: 3 interfaces beyond the first 1000 are left out',
  ]);
  assert.deepEqual(countersOf(status('load')), ['check_errors_total 2']);
  assert.match(warnings('load').join(), /^check load failed: ENOENT[^;]*; it is tried again$/);
});
