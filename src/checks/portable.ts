/**
 * The checks where there is no /proc (macOS, for development): what node:os knows, and systeminformation for the rest,
 * which starts programs and is slow. Loaded only there.
 */
import os from 'node:os';
import type { Check } from './check.ts';
import { reportFilesystem } from './filesystem.ts';
import { reportLoad } from './load.ts';
import { reportNetwork } from './network.ts';

const cpu: Check = (meter) => {
  const sum: Record<string, number> = { user: 0, nice: 0, system: 0, idle: 0, interrupt: 0 };
  const processors = os.cpus();
  for (const { times } of processors) {
    sum.user! += times.user / 1000;
    sum.nice! += times.nice / 1000;
    sum.system! += times.sys / 1000;
    sum.idle! += times.idle / 1000;
    sum.interrupt! += times.irq / 1000;
  }
  for (const [mode, seconds] of Object.entries(sum)) {
    meter.monotonic('system.cpu.time', seconds, 's', { 'cpu.mode': mode });
  }
  meter.gauge('system.cpu.logical.count', processors.length, '{cpu}');
};

const memory: Check = (meter) => {
  const total = os.totalmem();
  const free = os.freemem();
  meter.gauge('system.memory.usage', total - free, 'By', { 'system.memory.state': 'used' });
  meter.gauge('system.memory.usage', free, 'By', { 'system.memory.state': 'free' });
  meter.gauge('system.memory.limit', total, 'By');
  meter.gauge('system.memory.utilization', (total - free) / total, '1', { 'system.memory.state': 'used' });
};

const load: Check = (meter) => reportLoad(meter, os.loadavg());

const uptime: Check = (meter) => meter.gauge('system.uptime', os.uptime(), 's');

/** Of all disks together: systeminformation does not tell them apart. */
const disk: Check = async (meter) => {
  const { disksIO } = await import('systeminformation');
  const all = await disksIO();
  if (!all) return;
  meter.monotonic('system.disk.operations', all.rIO, '{operation}', { 'disk.io.direction': 'read' });
  meter.monotonic('system.disk.operations', all.wIO, '{operation}', { 'disk.io.direction': 'write' });
};

const filesystem: Check = async (meter) => {
  const { fsSize } = await import('systeminformation');
  for (const f of await fsSize()) {
    reportFilesystem(
      meter,
      { device: f.fs, mountpoint: f.mount, type: f.type, readonly: f.rw === false },
      { bytes: f.size, free: f.size - f.used, available: f.available, inodes: 0, inodesFree: 0 },
    );
  }
};

const network: Check = async (meter) => {
  const { networkStats } = await import('systeminformation');
  reportNetwork(
    meter,
    (await networkStats('*')).map((n) => ({
      name: n.iface,
      receive: { bytes: n.rx_bytes, packets: Number.NaN, errors: n.rx_errors, dropped: n.rx_dropped },
      transmit: { bytes: n.tx_bytes, packets: Number.NaN, errors: n.tx_errors, dropped: n.tx_dropped },
    })),
  );
};

export const PORTABLE: Readonly<Record<string, Check>> = { cpu, memory, load, disk, filesystem, network, uptime };
