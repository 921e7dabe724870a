/**
 * `runnel check NAME`: runs one check here, built in or of the configuration, without a running agent. What counts is run
 * twice, a second apart, because a counter is reported as its increase. At a terminal a built-in one goes on, once a
 * second, until it is interrupted, unless `--once` is given; elsewhere it prints once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { attributesJson, MetricRecords } from '../aggregate/record.ts';
import { availableChecks } from '../checks/all.ts';
import type { Found } from '../checks/custom/collector.ts';
import type { CustomCheckConfig } from '../checks/custom/options.ts';
import { CustomRunner } from '../checks/custom/runner.ts';
import { HostFiles } from '../checks/files.ts';
import type { Point } from '../checks/meter.ts';
import { CheckRunner } from '../checks/runner.ts';
import type { Config } from '../options.ts';
import { type ConfigChoice, configFor } from './locate.ts';
import { complain, print, printJson } from './output.ts';

const APART_MS = 1000;
const STATES = ['ok', 'warning', 'critical', 'unknown'];
/** Of which a second run says what the first does not. */
const COUNTING: readonly CustomCheckConfig['type'][] = ['openmetrics', 'textfile'];

type Choice = ConfigChoice & { json?: boolean; once?: boolean };

export async function listChecks(choice: ConfigChoice, json: boolean): Promise<number> {
  const config = await configFor(choice);
  if (!config) return 2;
  const listed = [
    ...[...(await availableChecks(new HostFiles())).keys()].map((name) => ({
      name,
      type: 'built in',
      interval: config.metrics.interval / 1000,
    })),
    ...config.metrics.checks.map(({ name, type, interval }) => ({
      name,
      type: type as string,
      interval: (interval ?? config.metrics.interval) / 1000,
    })),
  ];
  if (json) printJson(`${JSON.stringify(listed)}\n`);
  else
    print(
      listed.map(({ name, type, interval }) => `${name.padEnd(20)} ${type.padEnd(12)} every ${interval} s\n`).join(''),
    );
  return 0;
}

/** Resolves to the exit code: 0, 1 when it warns or failed, 2 when there is no such check. */
export async function runCheck(name: string, choice: Choice): Promise<number> {
  const config = await configFor(choice);
  if (!config) return 2;
  const custom = config.metrics.checks.find((check) => check.name === name);
  if (custom) return runCustom(custom, config, choice.json ?? false);
  const host = new HostFiles(config.metrics.host_root);
  const checks = await availableChecks(host, config.metrics.host || {});
  const check = checks.get(name);
  if (!check) {
    const all = [...checks.keys(), ...config.metrics.checks.map((check) => check.name)];
    complain(`runnel: there is no check ${JSON.stringify(name)}; there are ${all.join(', ')}`);
    return 2;
  }
  const runner = new CheckRunner(name, check);
  await runner.run(APART_MS * 5);
  const again = process.stdout.isTTY && !choice.once;
  do {
    await sleep(APART_MS);
    host.newRound();
    show((await runner.run(APART_MS * 5)).map(foundIn), 'host', config, choice.json ?? false);
    if (again) process.stdout.write('\n');
  } while (again && runner.status.last_error === null);
  const { lacks } = runner.status;
  if (lacks !== null) complain(`runnel: check ${name} does without a part: ${lacks}`);
  if (runner.status.last_error === null) return 0;
  complain(`runnel: check ${name} failed: ${runner.status.last_error}`);
  return 1;
}

async function runCustom(check: CustomCheckConfig, config: Config, json: boolean): Promise<number> {
  const runner = new CustomRunner(check);
  try {
    let found = await runner.run(check.timeout);
    if (COUNTING.includes(check.type) && runner.status.last_error === null) {
      await sleep(APART_MS);
      found = await runner.run(check.timeout);
    }
    show(found ?? [], check.name, config, json, check.tags);
  } finally {
    await runner.close();
  }
  const { truncated = 0, not_finite = 0, last_error } = runner.status;
  if (truncated > 0) complain(`runnel: check ${check.name}: ${truncated} measurements are beyond max_series: left out`);
  if (not_finite > 0) complain(`runnel: check ${check.name}: ${not_finite} values are no numbers: left out`);
  if (last_error !== null) complain(`runnel: check ${check.name} failed: ${last_error}`);
  else if (runner.state > 0 || runner.message !== null)
    complain(`runnel: check ${check.name} is ${STATES[runner.state]}${runner.message ? `: ${runner.message}` : ''}`);
  return runner.state === 0 && last_error === null ? 0 : 1;
}

function foundIn({ name, type, value, unit, attributes }: Point): Found {
  return { name, type, fields: { value }, unit, attributes: JSON.parse(`{${attributes}}`) as Record<string, string> };
}

function show(
  found: readonly Found[],
  dataset: string,
  config: Config,
  json: boolean,
  tags: Record<string, string> = {},
): void {
  if (!json) {
    print(found.map(textLine).join(''));
    return;
  }
  const end = Date.now();
  const origin = { host: config.host, dataset, labels: { ...config.tags, ...tags } };
  const records = new MetricRecords(origin, { start: end - APART_MS, end, id: 'check' });
  const documents = found.map(({ name, type, fields, unit, attributes }) =>
    records.make(
      JSON.stringify(name),
      type,
      fields,
      unit,
      attributesJson(Object.entries(attributes).map(([key, value]) => [key, String(value)])),
    ),
  );
  printJson(`[${documents.join(',\n')}]\n`);
}

function textLine({ name, type, fields, unit, attributes }: Found): string {
  const labels = Object.entries(attributes).map(([key, value]) => `${key}=${value}`);
  const { sketch: _, buckets: __, value, ...rest } = fields;
  const said =
    value === undefined
      ? Object.entries(rest)
          .map(([key, value]) => `${key} ${value}`)
          .join(' ')
      : String(value);
  return `${[name, ...labels].join(' ')}  ${said} ${unit} (${type})\n`;
}
