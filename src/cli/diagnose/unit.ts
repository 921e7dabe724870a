/** What systemd says of the agent's unit: is it there, does it run, was it started again, does it run what is on disk. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Tell } from '../../core/diagnosis.ts';

const UNIT = 'runnel.service';
const PROPERTIES = 'LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts,NeedDaemonReload,ExecStart';
const DEADLINE_MS = 5000;

export async function diagnoseUnit(config: string | null, tell: Tell): Promise<void> {
  // Nothing was booted with systemd here: a container, another init.
  if (!existsSync('/run/systemd/system')) return;
  const shown = await show();
  if (shown === null) return;
  judgeUnit(shown, config, tell);
}

/** `shown`: of `systemctl show`. `config`: the file that is asked about. */
export function judgeUnit(shown: string, config: string | null, tell: Tell): void {
  const of = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(shown)?.[1] ?? '';
  const say = (level: 'ok' | 'warning' | 'error', message: string, remedy?: string) =>
    tell({ level, about: 'unit', message: `${UNIT} ${message}`, ...(remedy !== undefined && { remedy }) });
  if (of('LoadState') !== 'loaded') return void say('ok', 'is not installed');
  const runs = / -c (\S+)/.exec(of('ExecStart'))?.[1];
  if (config !== null && runs !== undefined && runs !== config)
    return void say('ok', `runs another configuration, ${runs}`);
  const state = of('ActiveState');
  const look = 'journalctl -u runnel -n 50';
  if (state === 'failed') say('error', `has failed (${of('Result')})`, `${look}, then systemctl restart runnel`);
  else if (state === 'activating') say('warning', `is starting (${of('SubState')})`, look);
  else if (state !== 'active') say('warning', `does not run (${state})`, 'systemctl start runnel');
  else say('ok', 'runs');
  const restarts = Number(of('NRestarts'));
  if (restarts > 0) say('warning', `was started again ${restarts} times by systemd`, `${look} -p warning`);
  if (['disabled', 'static', 'masked'].includes(of('UnitFileState')))
    say('warning', `is ${of('UnitFileState')}: it is not started at boot`, 'systemctl enable runnel');
  if (of('NeedDaemonReload') === 'yes')
    say('warning', 'has changed on disk since it was loaded', 'systemctl daemon-reload && systemctl restart runnel');
}

/** Null: systemd does not answer. */
function show(): Promise<string | null> {
  const env = { PATH: process.env.PATH, LC_ALL: 'C', SYSTEMD_COLORS: '0', SYSTEMD_PAGER: '' };
  const options = { timeout: DEADLINE_MS, killSignal: 'SIGKILL', env } as const;
  return new Promise((resolve) => {
    execFile('systemctl', ['show', `--property=${PROPERTIES}`, '--', UNIT], options, (error, stdout) =>
      resolve(error ? null : stdout),
    );
  });
}
