/** `runnel test FILE`: lines, and the records that they should become by a configuration. */
import { ConfigError, nearest } from '../config/errors.ts';
import { count } from '../core/units.ts';
import type { Config } from '../options.ts';
import { JOURNAL } from '../sources/tail/journald/options.ts';
import type { LogConfig } from '../sources/tail/options.ts';
import { type Case, loadCases } from './cases.ts';
import { type ConfigChoice, configFor } from './locate.ts';
import { difference, type Matched, matchOf } from './matching.ts';
import { complain, print, printJson } from './output.ts';
import { inputOf, type TrialRecord, trial } from './trial.ts';

/** Exit 0 where all are right, 1 where not, 2 where a file cannot be used. */
export async function runCases(file: string, choice: ConfigChoice & { json?: boolean }): Promise<number> {
  const config = await configFor(choice);
  if (config === null) return 2;
  let cases: Case[];
  try {
    cases = await loadCases(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    return 2;
  }
  const results: (Matched & { case: number; ok: boolean; error?: string })[] = [];
  for (const [i, one] of cases.entries()) {
    const result = await run(config, one);
    const ok = typeof result !== 'string' && result.missing.length + result.unexpected.length === 0;
    const what = typeof result === 'string' ? { missing: one.expect, unexpected: [], error: result } : result;
    results.push({ case: i + 1, ok, ...what });
  }
  const wrong = results.filter(({ ok }) => !ok);
  if (choice.json) {
    const shown = results.map(({ unexpected, ...rest }) => ({ ...rest, unexpected: unexpected.map(recordOf) }));
    printJson(`${JSON.stringify(shown)}\n`);
  } else {
    for (const one of wrong) print(`case ${one.case}: ${one.error ?? 'failed'}\n${explained(one)}`);
    print(
      `${file}: ${count(results.length, 'case')}, ${wrong.length === 0 ? 'all right' : `${wrong.length} failed`}\n`,
    );
  }
  return wrong.length === 0 ? 0 : 1;
}

/** A text: it cannot be run. */
async function run(config: Config, one: Case): Promise<Matched | string> {
  const input = inputFor(config, one);
  if (typeof input === 'string') return input;
  const path = one.path ?? input.include[0] ?? input.journald?.directory ?? JOURNAL;
  const told = await trial(config, input, path, one.lines);
  if (typeof told === 'string') return told;
  return matchOf(
    one.expect,
    told.filter(({ value }) => value !== null),
  );
}

function inputFor(config: Config, { input, path }: Case): LogConfig | string {
  if (input === null) return path === null ? 'needs the name of an input, or a path' : inputOf(config, path);
  const named = config.logs.find(({ name }) => name === input);
  if (named) return named;
  const names = config.logs.map(({ name }) => name);
  const near = nearest(input, names);
  return `there is no input ${input}: ${near ? `did you mean ${near}?` : `inputs are ${names.join(', ') || 'none'}`}`;
}

function explained({ missing, unexpected }: Matched): string {
  const lines = missing.map((one) => `  missing     ${JSON.stringify(one)}`);
  lines.push(...unexpected.map((one) => `  unexpected  ${JSON.stringify(recordOf(one))}`));
  // Of one each it is told what keeps them apart.
  if (missing.length === 1 && unexpected.length === 1) {
    const [one, other] = [missing[0]!, unexpected[0]!];
    const topic = one.topic !== undefined && one.topic !== other.topic;
    const differs = topic ? `topic is ${other.topic}, expected ${one.topic}` : difference(other.value, one.value);
    if (differs !== null) lines.push(`  ${differs}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

function recordOf({ topic, value }: TrialRecord) {
  return { topic, value };
}
