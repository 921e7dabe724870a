/** `runnel alerts`: what fires, and what is to be told of it. All but `ls` goes over the agent's unix socket. */
import { askFirst, bodyOf } from '../admin/client.ts';
import { ConfigError } from '../config/errors.ts';
import { valuesOf } from '../config/option.ts';
import { duration } from '../config/types.ts';
import type { Status } from '../report/shape.ts';
import { complain, print, printJson } from './output.ts';
import { type AgentChoice, silence as silent, statusText, targetsFor } from './status.ts';
import { table } from './table.ts';

type Choice = AgentChoice & { json?: boolean };

/** Exit 0, also where something fires. */
export async function alertsLs(options: Choice): Promise<number> {
  const targets = await targetsFor(options);
  if (targets === null) return 2;
  try {
    const { list, silences } = (JSON.parse(await statusText(targets, 0)) as Status).alerts;
    if (options.json) {
      printJson(`${JSON.stringify(list)}\n`);
      return 0;
    }
    if (list.length === 0) print('nothing fires\n');
    else {
      const rows = list.map(({ state, severity, rule, summary, labels, since, silenced }) => [
        silenced ? `${state} (silenced)` : state,
        severity,
        rule,
        since,
        summary,
        pairs(labels).join(' '),
      ]);
      print(table(['STATE', 'SEVERITY', 'RULE', 'SINCE', 'SUMMARY', 'LABELS'], rows));
    }
    for (const { id, rule, labels, until, why } of silences) {
      print(
        `silence ${id}: ${[rule, ...pairs(labels)].join(' ')} until ${new Date(until).toISOString()}${why === '' ? '' : `: ${why}`}\n`,
      );
    }
    return 0;
  } catch (error) {
    complain(`runnel: ${silent(error, options)}`);
    return 1;
  }
}

function pairs(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`);
}

export async function alertsSilence(
  rule: string,
  labels: readonly string[],
  { for: time, why, ...options }: Choice & { for: string; why?: string },
): Promise<number> {
  const pairs: [string, string][] = [];
  for (const label of labels) {
    const at = label.indexOf('=');
    if (at < 1) {
      complain(`runnel: ${label} is no label: write NAME=VALUE`);
      return 2;
    }
    pairs.push([label.slice(0, at), label.slice(at + 1)]);
  }
  let ms: number;
  try {
    ms = valuesOf(duration({ min: '1s', max: '365d' }), time) as number;
  } catch (error) {
    complain(`runnel: --for ${(error as Error).message.replaceAll('{}', () => JSON.stringify(time))}`);
    return 2;
  }
  const asked = { rule, labels: Object.fromEntries(pairs), why: why ?? '', for: ms };
  return command('silence', asked, options, ({ id, until }: { id: string; until: number }) => {
    return `silence ${id}: ${rule} until ${new Date(until).toISOString()}`;
  });
}

export function alertsUnsilence(id: string, options: Choice): Promise<number> {
  return command('unsilence', { id }, options, () => `silence ${id} has ended`);
}

export function alertsNotify(receiver: string, options: Choice): Promise<number> {
  return command('notify', { receiver }, options, () => `${receiver} was told`);
}

/** Exit 1 where no agent answers, or it cannot be done. */
async function command<T>(name: string, asked: object, options: Choice, said: (told: T) => string): Promise<number> {
  try {
    const targets = (await targetsFor(options))?.filter((t) => 'socketPath' in t || options.admin !== undefined);
    if (!targets) return 2;
    const query = new URLSearchParams({ input: 'alerts', name, options: JSON.stringify(asked) });
    const response = await askFirst(targets, `/command?${query}`, 'POST');
    const body = await bodyOf(response);
    if (response.statusCode === 404) throw new Error('it has no alerts: alerts is not in its configuration');
    if (response.statusCode !== 200 && response.statusCode !== 409) {
      throw new Error(`the agent answered ${response.statusCode}: ${body.trim()}`);
    }
    const told = JSON.parse(body) as T & { error?: string };
    if (told.error !== undefined) {
      complain(`runnel: ${told.error}`);
      return 1;
    }
    if (options.json) printJson(`${JSON.stringify(told)}\n`);
    else print(`${said(told)}\n`);
    return 0;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    complain(`runnel: ${silent(error, options)}`);
    return 1;
  }
}
