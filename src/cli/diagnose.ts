/**
 * `runnel diagnose`: what is wrong on this machine, and what to do about it, each thing by itself:
 *
 *   configuration   valid, safe                          unit    systemd's, if it has one
 *   kafka, clock    reachable, rights, topics, time      agent   runs, does what it should, lost nothing
 *   limits, files   inotify, buffers, descriptors, who may read   data_dir   safe, writable, room
 */
import { statSync } from 'node:fs';
import { NoAnswer, targetsOf } from '../admin/client.ts';
import { ConfigError, formatFault } from '../config/errors.ts';
import type { Diagnosis, Tell } from '../core/diagnosis.ts';
import { count } from '../core/units.ts';
import type { LocatedConfig } from '../options.ts';
import { INPUTS } from '../sources/all.ts';
import { askAgent, isOther, judgeAgent } from './diagnose/agent.ts';
import { diagnoseDataDir } from './diagnose/data-dir.ts';
import { diagnoseKafka } from './diagnose/kafka.ts';
import { diagnoseSecrets } from './diagnose/secrets.ts';
import { diagnoseUnit } from './diagnose/unit.ts';
import { type ConfigChoice, locateConfig } from './locate.ts';
import { machineFaults } from './machine.ts';
import { complain, print, printJson } from './output.ts';

/** Files that are not found by then are not looked at. */
const LOOKING_MS = 10_000;

/** Resolves to the exit code: 0, 1 where something does not work, 2 where the configuration cannot be used. */
export async function diagnose(options: ConfigChoice & { json?: boolean }): Promise<number> {
  let located: LocatedConfig;
  try {
    located = await locateConfig(options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const findings = error.faults.map((fault) => ({
      level: 'error' as const,
      about: 'configuration',
      message: formatFault(fault),
    }));
    if (options.json) printJson(`${JSON.stringify({ ok: false, findings })}\n`);
    else complain(error.message);
    return 2;
  }
  const { ok, findings } = await findingsOf(located, options);
  if (options.json) printJson(`${JSON.stringify({ ok, findings })}\n`);
  else print(shown(findings));
  return ok ? 0 : 1;
}

/** As `--json` has it. */
export async function findingsOf(
  located: LocatedConfig,
  choice: ConfigChoice,
): Promise<{ ok: boolean; findings: Diagnosis[] }> {
  const findings: Diagnosis[] = [];
  await lookAt(located, choice, (finding) => findings.push(finding));
  return { ok: !findings.some(({ level }) => level === 'error'), findings };
}

async function lookAt(located: LocatedConfig, { config: named, defaultPath }: ConfigChoice, tell: Tell): Promise<void> {
  const { config, path, hash, warnings } = located;
  const { faults, passing } = machineFaults(located, { all: true });
  for (const message of [...faults, ...passing].map(formatFault))
    tell({ level: 'error', about: 'configuration', message });
  for (const message of warnings) tell({ level: 'warning', about: 'configuration', message });
  if (faults.length + passing.length === 0)
    tell({ level: 'ok', about: 'configuration', message: `${path ?? 'the built-in one'} is valid` });
  diagnoseSecrets(located, tell);
  // Kafka may take a minute to say nothing; what is near is said in the same order each time.
  const kafka: Diagnosis[] = [];
  const asked = diagnoseKafka(located, (finding) => kafka.push(finding));
  const answered = await askAgent(targetsOf(config, named === undefined || named === defaultPath));
  const other = answered instanceof NoAnswer || !isOther(answered, path) ? null : answered;
  const status = answered instanceof NoAnswer || other ? null : answered;
  // What one that runs says of itself is better evidence than what somebody else may do.
  const asAgent = status === null || process.geteuid?.() === ownerOf(config.data_dir);
  const tellRights: Tell = (found) =>
    tell(asAgent || found.about !== 'files' || found.level === 'ok' ? found : { ...found, level: 'warning' });
  const stop = AbortSignal.timeout(LOOKING_MS);
  for (const kind of INPUTS) await kind.diagnose?.(config, tellRights, stop);
  await diagnoseDataDir(config, status?.spool.bytes ?? null, asAgent, tell);
  await diagnoseUnit(path, tell);
  if (other) tell(otherAgent(other.config.path, config.admin.listen));
  else judgeAgent(answered, hash, tell);
  await asked;
  kafka.forEach(tell);
}

function otherAgent(path: string | null, listen: string): Diagnosis {
  return {
    level: 'warning',
    about: 'agent',
    message: `none answers; at ${listen} there is one with another configuration, ${path ?? 'the built-in one'}`,
    remedy: 'give one of them another admin.listen, and start this one',
  };
}

/** Undefined: it is not there, or may not be looked at. */
function ownerOf(dir: string): number | undefined {
  try {
    return statSync(dir, { throwIfNoEntry: false })?.uid;
  } catch {
    return undefined;
  }
}

function shown(findings: readonly Diagnosis[]): string {
  const lines = findings.flatMap(({ level, about, message, remedy }) => [
    `${level.padEnd(7)}  ${about}: ${message}`,
    ...(remedy === undefined ? [] : [`         -> ${remedy}`]),
  ]);
  const of = (level: Diagnosis['level']) => findings.filter((finding) => finding.level === level).length;
  const verdict =
    of('error') + of('warning') === 0
      ? 'nothing is wrong'
      : `${count(of('error'), 'error')}, ${count(of('warning'), 'warning')}`;
  return `${[...lines, verdict].join('\n')}\n`;
}
