/** Memory by use, from /proc/meminfo. `used` + `free` + `buffers` + `cached` is the limit, as free(1) counts. */
import type { Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import { numberAt, share } from './text.ts';

/** What the kernel says beside the states: the rest of the metric's name, and the line of /proc/meminfo. */
const OF_LINUX = [
  ['available', 'MemAvailable'],
  ['shared', 'Shmem'],
  ['committed', 'Committed_AS'],
  ['commit_limit', 'CommitLimit'],
  ['dirty', 'Dirty'],
  ['writeback', 'Writeback'],
  ['mapped', 'Mapped'],
  ['anonymous', 'AnonPages'],
  ['transparent_hugepages', 'AnonHugePages'],
  ['page_tables', 'PageTables'],
  ['kernel_stack', 'KernelStack'],
  ['per_cpu', 'Percpu'],
  ['vmalloc', 'VmallocUsed'],
  ['unevictable', 'Unevictable'],
  ['locked', 'Mlocked'],
  ['swap_cached', 'SwapCached'],
  ['corrupted', 'HardwareCorrupted'],
] as const;

/** Bytes by a name of /proc/meminfo; of HugePages_* the number of pages; NaN where there is no such line. */
export function parseMeminfo(text: string): (name: string) => number {
  return (name) => numberAt(text, name) * (name.startsWith('HugePages_') ? 1 : 1024);
}

export function reportMemory(meter: Meter, of: (name: string) => number): void {
  const total = of('MemTotal');
  // Not in kernels before 2.6.19.
  const reclaimable = of('SReclaimable') || 0;
  const cached = of('Cached') + reclaimable;
  const used = total - of('MemFree') - of('Buffers') - cached;
  const states = { used, free: of('MemFree'), cached, buffers: of('Buffers') };
  for (const [state, value] of Object.entries(states)) {
    meter.gauge('system.memory.usage', value, 'By', { 'system.memory.state': state });
  }
  meter.gauge('system.memory.limit', total, 'By');
  meter.gauge('system.memory.utilization', share(used, total), '1', { 'system.memory.state': 'used' });
  for (const [name, line] of OF_LINUX) meter.gauge(`system.memory.linux.${name}`, of(line), 'By');
  for (const [state, line] of [
    ['active', 'Active'],
    ['inactive', 'Inactive'],
  ] as const) {
    meter.gauge('system.memory.linux.aged', of(line), 'By', { state });
  }
  for (const [state, line] of [
    ['reclaimable', 'SReclaimable'],
    ['unreclaimable', 'SUnreclaim'],
  ] as const) {
    meter.gauge('system.memory.linux.slab.usage', of(line), 'By', { 'system.memory.linux.slab.state': state });
  }
  reportHugepages(meter, of);
}

/** Of the pages that are set aside; where there are none, nothing is said. */
function reportHugepages(meter: Meter, of: (name: string) => number): void {
  const pages = of('HugePages_Total');
  if (!(pages > 0)) return;
  const name = 'system.memory.linux.hugepages';
  const state = `${name}.state`;
  meter.gauge(`${name}.limit`, pages, '{page}');
  meter.gauge(`${name}.usage`, pages - of('HugePages_Free'), '{page}', { [state]: 'used' });
  meter.gauge(`${name}.usage`, of('HugePages_Free'), '{page}', { [state]: 'free' });
  meter.gauge(`${name}.reserved`, of('HugePages_Rsvd'), '{page}');
  meter.gauge(`${name}.surplus`, of('HugePages_Surp'), '{page}');
  meter.gauge(`${name}.page_size`, of('Hugepagesize'), 'By');
}

export function memory(host: HostFiles): Check {
  return (meter) => reportMemory(meter, parseMeminfo(host.read('/proc/meminfo')));
}
