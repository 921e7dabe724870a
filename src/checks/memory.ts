/** Memory by use, from /proc/meminfo. `used` + `free` + `buffers` + `cached` is the limit, as free(1) counts. */
import type { Meter } from './check.ts';
import { parsePairs, readProc } from './proc.ts';

/** Bytes by the names of /proc/meminfo. */
export function parseMeminfo(text: string): Map<string, number> {
  const bytes = parsePairs(text);
  // HugePages_* count pages; everything else is in kB.
  for (const [name, value] of bytes) if (!name.startsWith('HugePages_')) bytes.set(name, value * 1024);
  return bytes;
}

export function reportMemory(meter: Meter, bytes: Map<string, number>): void {
  const of = (name: string) => bytes.get(name) ?? Number.NaN;
  const total = of('MemTotal');
  const reclaimable = bytes.get('SReclaimable') ?? 0;
  const cached = of('Cached') + reclaimable;
  const used = total - of('MemFree') - of('Buffers') - cached;
  const states = { used, free: of('MemFree'), cached, buffers: of('Buffers') };
  for (const [state, value] of Object.entries(states)) {
    meter.gauge('system.memory.usage', value, 'By', { 'system.memory.state': state });
  }
  meter.gauge('system.memory.limit', total, 'By');
  meter.gauge('system.memory.utilization', Math.round((used / total) * 1e6) / 1e6, '1', {
    'system.memory.state': 'used',
  });
  meter.gauge('system.memory.linux.available', of('MemAvailable'), 'By');
  for (const [state, name] of [
    ['reclaimable', 'SReclaimable'],
    ['unreclaimable', 'SUnreclaim'],
  ] as const) {
    meter.gauge('system.memory.linux.slab.usage', of(name), 'By', { 'system.memory.linux.slab.state': state });
  }
  meter.gauge('system.memory.linux.shared', of('Shmem'), 'By');
  meter.gauge('system.memory.linux.committed', of('Committed_AS'), 'By');
  meter.gauge('system.memory.linux.commit_limit', of('CommitLimit'), 'By');
  meter.gauge('system.memory.linux.dirty', of('Dirty'), 'By');
  meter.gauge('system.memory.linux.writeback', of('Writeback'), 'By');
}

export async function memory(meter: Meter): Promise<void> {
  reportMemory(meter, parseMeminfo(readProc('meminfo')));
}
