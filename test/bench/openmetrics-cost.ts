/**
 * `node openmetrics-cost.ts`: prints, as JSON, the milliseconds of CPU of a scrape of 10,000 series of `openmetrics`, and
 * those of the longest turn of the event loop meanwhile, the median of all scrapes. What is scraped comes from another process.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { attributesJson, MetricRecords } from '../../src/aggregate/record.ts';
import type { CustomCheckConfig } from '../../src/checks/custom/options.ts';
import { CustomRunner } from '../../src/checks/custom/runner.ts';
import { loadConfig } from '../../src/options.ts';

const NAMES = 100;
const OF_EACH = 100;
const ROUNDS = 30;
const WARM_UP = 10;
const APART_MS = 100;
/** Records that are made at once. */
const PIECE = 256;

if (process.argv[2] === 'serve') serve();
else await measure();

/** Counters that grow. */
function serve(): void {
  let round = 0;
  const server = createServer((_, response) => {
    round++;
    let text = '';
    for (let n = 0; n < NAMES; n++) {
      text += `# TYPE requests_${n}_total counter\n`;
      for (let i = 0; i < OF_EACH; i++)
        text += `requests_${n}_total{method="GET",path="/orders/${i}",code="200"} ${round * 7 + i}\n`;
    }
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text);
  }).listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
}

async function measure(): Promise<void> {
  const server = spawn(process.execPath, [import.meta.filename, 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const file = join(tmpdir(), `runnel-openmetrics-${process.pid}.yaml`);
  try {
    const [port] = await once(server.stdout, 'data');
    const url = `http://127.0.0.1:${String(port).trim()}/metrics`;
    const check = { name: 'x', type: 'openmetrics', timeout: '9s', max_series: NAMES * OF_EACH, url };
    writeFileSync(file, JSON.stringify({ metrics: { checks: [check] } }));
    const { config } = await loadConfig(file);
    const runner = new CustomRunner(config.metrics.checks[0] as CustomCheckConfig);
    for (let i = 0; i < WARM_UP; i++) await runner.run(9000);
    const turns: number[] = [];
    let [used, series] = [0, 0];
    for (let i = 0; i < ROUNDS; i++) {
      await sleep(APART_MS);
      const before = process.cpuUsage();
      const { found, longest } = await watched(() => recordsOf(runner));
      const { user, system } = process.cpuUsage(before);
      used += user + system;
      turns.push(longest);
      series = found;
    }
    if (series < NAMES * OF_EACH) throw new Error(`only ${series} series came`);
    await runner.close();
    console.log(JSON.stringify({ cpu: used / ROUNDS / 1000, turn: turns.sort((a, b) => a - b)[turns.length / 2] }));
  } finally {
    server.kill();
    rmSync(file, { force: true });
  }
}

/** A scrape, and the records that are made of it, piece by piece as the agent makes them; gives how many. */
async function recordsOf(runner: CustomRunner): Promise<number> {
  const origin = { host: 'web-1', dataset: 'host', labels: {} };
  const records = new MetricRecords(origin, { start: 0, end: 10_000, id: 'x-1' });
  let [made, bytes] = [0, 0];
  for (const { name, type, fields, unit, attributes, json } of (await runner.run(9000)) ?? []) {
    const labels = json ?? attributesJson(Object.entries(attributes));
    bytes += records.make(JSON.stringify(name), type, fields, unit, labels).length;
    if (++made % PIECE === 0) await setImmediate();
  }
  return bytes > 0 ? made : 0;
}

/** What the run finds, and the longest turn meanwhile, milliseconds. */
async function watched<T>(run: () => Promise<T>): Promise<{ found: T; longest: number }> {
  let [last, longest, over] = [performance.now(), 0, false];
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!over) setTimeout(turn, 1);
  };
  turn();
  const found = await run();
  over = true;
  return { found, longest };
}
