/** Every check there is. A new one is a file beside this and a line here. */
import type { Check } from './check.ts';
import { cpu } from './cpu.ts';
import { disk } from './disk.ts';
import { filesystem } from './filesystem.ts';
import { load } from './load.ts';
import { memory } from './memory.ts';
import { network } from './network.ts';
import { paging } from './paging.ts';
import { pressure } from './pressure.ts';
import { hasProc } from './proc.ts';
import { processes } from './processes.ts';
import { uptime } from './uptime.ts';

/** By the name that `metrics.host` and `runnel check` know them by. */
const CHECKS: Readonly<Record<string, Check>> = {
  cpu,
  memory,
  load,
  disk,
  filesystem,
  network,
  uptime,
  paging,
  processes,
  pressure,
};

/** The checks that this machine can run. */
export async function availableChecks(): Promise<ReadonlyMap<string, Check>> {
  const checks = hasProc() ? CHECKS : (await import('./portable.ts')).PORTABLE;
  return new Map(Object.entries(checks));
}
