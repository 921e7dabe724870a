/** Units of systemd that are named: whether they are active, how often they were started again, since when they run. */
import { execFile } from 'node:child_process';
import { type Check, type Meter, upToMost } from './check.ts';
import type { HostFiles } from './files.ts';

/** Of a name such as `nginx.service`; a glob stands for the units that are loaded. */
export interface SystemdOptions {
  readonly units: readonly string[];
}

const STATES = ['active', 'reloading', 'inactive', 'failed', 'activating', 'deactivating'];
const PROPERTIES = 'Id,LoadState,ActiveState,NRestarts,ActiveEnterTimestampMonotonic';
/** Of what systemctl prints. */
const MOST_BYTES = 4 << 20;
/** Units that are reported; a glob may mean thousands. */
const MOST_UNITS = 500;

export interface UnitState {
  id: string;
  loaded: boolean;
  state: string;
  /** NaN: it is none that is started again. */
  restarts: number;
  /** Seconds after the boot; NaN: it is not active. */
  since: number;
}

/** `Key=value` lines, a blank line between units. */
export function parseUnits(text: string): UnitState[] {
  return text.split('\n\n').flatMap((part) => {
    const of = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(part)?.[1] ?? '';
    const id = of('Id');
    const since = Number(of('ActiveEnterTimestampMonotonic'));
    return id === ''
      ? []
      : {
          id,
          loaded: of('LoadState') === 'loaded',
          state: of('ActiveState'),
          restarts: of('NRestarts') === '' ? Number.NaN : Number(of('NRestarts')),
          since: since > 0 ? since / 1e6 : Number.NaN,
        };
  });
}

/** `uptime`: seconds since the boot. */
export function reportUnits(meter: Meter, units: readonly UnitState[], uptime: number): void {
  for (const { id, loaded, state, restarts, since } of upToMost(units, MOST_UNITS, 'units', meter)) {
    const unit = { 'systemd.unit.name': id };
    if (!loaded) meter.lack(`there is no unit ${id}`);
    for (const one of STATES) {
      meter.gauge('systemd.unit.state', one === state ? 1 : 0, '1', { ...unit, 'systemd.unit.state': one });
    }
    meter.monotonic('systemd.unit.restarts', restarts, '{restart}', unit);
    if (state === 'active') meter.gauge('systemd.unit.uptime', Math.round((uptime - since) * 1000) / 1000, 's', unit);
  }
}

/** Whether there is anything to ask systemctl for. */
export function namesUnits(options: unknown): boolean {
  return typeof options === 'object' && ((options as SystemdOptions).units ?? []).length > 0;
}

export function systemd(host: HostFiles, { systemd: options }: { readonly systemd?: unknown }): Check {
  const units = (options as SystemdOptions | undefined)?.units ?? [];
  return async (meter, signal) => {
    if (units.length === 0) throw new Error('no units are named: metrics.host.systemd: {units: [nginx.service]}');
    if (host.isForeign) throw new Error("the host's systemd is not to be asked from a container");
    const text = await show(units, signal);
    const uptime = Number.parseFloat(host.read('/proc/uptime'));
    reportUnits(meter, parseUnits(text), uptime);
  };
}

function show(units: readonly string[], signal: AbortSignal): Promise<string> {
  const env = { PATH: process.env.PATH, LC_ALL: 'C', SYSTEMD_COLORS: '0', SYSTEMD_PAGER: '' };
  const options = { signal, killSignal: 'SIGKILL', maxBuffer: MOST_BYTES, env } as const;
  return new Promise((resolve, reject) => {
    execFile('systemctl', ['show', `--property=${PROPERTIES}`, '--', ...units], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said = stderr.trim().split('\n')[0];
      reject(new Error(`systemctl show: ${said || error.message}`));
    });
  });
}
