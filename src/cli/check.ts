/**
 * `runnel check NAME [--once]`: runs one check here and prints its metrics, without a running agent. The check runs
 * twice, a second apart, because a counter is reported as its increase. On a terminal it goes on, once a second, until
 * it is interrupted, unless `--once` is given; elsewhere it prints once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { availableChecks } from '../checks/all.ts';
import { HostFiles } from '../checks/files.ts';
import type { Point } from '../checks/meter.ts';
import { CheckRunner } from '../checks/runner.ts';
import { complain, print, printJson } from './output.ts';

const APART_MS = 1000;

/** Resolves to the exit code: 0, 1 when the check failed, 2 when there is no such check. */
export async function runCheck(name: string, options: { json?: boolean; once?: boolean }): Promise<number> {
  const host = new HostFiles();
  const checks = await availableChecks(host);
  const check = checks.get(name);
  if (!check) {
    process.stderr.write(
      `runnel: there is no check ${JSON.stringify(name)}; there are ${[...checks.keys()].join(', ')}\n`,
    );
    return 2;
  }
  const runner = new CheckRunner(name, check);
  await runner.run(APART_MS * 5);
  const again = process.stdout.isTTY && !options.once;
  do {
    await sleep(APART_MS);
    host.newRound();
    const points = await runner.run(APART_MS * 5);
    if (options.json) printJson(points.map(jsonLine).join(''));
    else print(points.map(textLine).join(''));
    if (again) process.stdout.write('\n');
  } while (again && runner.status.last_error === null);
  if (runner.status.last_error === null) return 0;
  complain(`runnel: check ${name} failed: ${runner.status.last_error}`);
  return 1;
}

/** One metric a line: `{"name":"system.cpu.time","type":"sum","value":0.97,"unit":"s","attributes":{"cpu.mode":"idle"}}`. */
function jsonLine(p: Point): string {
  const head = JSON.stringify({ name: p.name, type: p.type, value: p.value, unit: p.unit });
  return `${head.slice(0, -1)},"attributes":{${p.attributes}}}\n`;
}

function textLine(p: Point): string {
  const attributes = Object.entries(JSON.parse(`{${p.attributes}}`)).map(([key, value]) => `${key}=${value}`);
  return `${[p.name, ...attributes].join(' ')}  ${p.value} ${p.unit} (${p.type})\n`;
}
