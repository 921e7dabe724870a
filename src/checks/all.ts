/** Every check there is. A new one is a file beside this and a line here. */

import { cgroups } from './cgroups.ts';
import type { Check } from './check.ts';
import { clock } from './clock.ts';
import { conntrack } from './conntrack.ts';
import { cpu, cpuFrequency, cpuPerCore } from './cpu.ts';
import { disk } from './disk.ts';
import { fileHandles } from './file-handles.ts';
import type { HostFiles } from './files.ts';
import { filesystem } from './filesystem.ts';
import type { AskOtherClock } from './kafka-clock.ts';
import { load } from './load.ts';
import { memory } from './memory.ts';
import { network } from './network.ts';
import { paging } from './paging.ts';
import { pressure } from './pressure.ts';
import { processes } from './processes.ts';
import { sockets } from './sockets.ts';
import { namesUnits, systemd } from './systemd.ts';
import { temperature } from './temperature.ts';
import { uptime } from './uptime.ts';
import { users } from './users.ts';

/** What `metrics.host` says of each check: those it does not name are as by default. */
export interface HostSettings {
  readonly [name: string]: unknown;
}

interface HostCheck {
  /** Makes it, from what stands under its name where that is more than true or false. */
  open(host: HostFiles, settings: HostSettings, otherClock?: AskOtherClock): Check;
  /** It runs only where it is asked for, or is asked for something. */
  onDemand?: true;
}

/** By the name that `metrics.host` and `runnel check` know them by. */
const CHECKS: Readonly<Record<string, HostCheck>> = {
  cpu: { open: cpu },
  cpu_per_core: { open: cpuPerCore, onDemand: true },
  cpu_frequency: { open: cpuFrequency, onDemand: true },
  memory: { open: memory },
  load: { open: load },
  disk: { open: disk },
  filesystem: { open: filesystem },
  network: { open: network },
  sockets: { open: sockets },
  uptime: { open: uptime },
  paging: { open: paging },
  processes: { open: processes },
  pressure: { open: pressure },
  file_handles: { open: fileHandles },
  conntrack: { open: conntrack },
  users: { open: users },
  temperature: { open: temperature },
  clock: { open: clock },
  cgroups: { open: cgroups },
  systemd: { open: systemd, onDemand: true },
};

/** All that this machine can run, each as it is configured, or by default. */
export async function availableChecks(
  host: HostFiles,
  settings: HostSettings = {},
  otherClock?: AskOtherClock,
): Promise<ReadonlyMap<string, Check>> {
  if (!host.has('/proc/stat')) return new Map(Object.entries((await import('./portable.ts')).PORTABLE));
  return new Map(Object.entries(CHECKS).map(([name, { open }]) => [name, open(host, settings, otherClock)]));
}

/** Whether it runs by itself. */
export function isOn(name: string, settings: HostSettings): boolean {
  const said = settings[name];
  if (said === undefined) return !CHECKS[name]?.onDemand;
  return name === 'systemd' ? namesUnits(said) : said !== false;
}
