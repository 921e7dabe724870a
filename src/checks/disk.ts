/** What block devices did, from /proc/diskstats. Memory-backed devices and partitions of a listed disk are left out. */
import type { Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import { WRAPS_AT } from './meter.ts';

/** /proc/diskstats counts sectors of 512 bytes, whatever the device's own are. */
const SECTOR_BYTES = 512;
const IN_MEMORY = /^(z?ram|loop|fd)\d+$/;
/** One path to a disk of several: what goes over it is counted by the disk, too. */
const PATH = /^nvme\d+c\d+n\d+$/;
/** It prints milliseconds as 32 bits: those of a busy disk begin at 0 again after weeks. */
const SECONDS_WRAP = WRAPS_AT / 1000;

export interface DiskStat {
  device: string;
  reads: number;
  readsMerged: number;
  bytesRead: number;
  readSeconds: number;
  writes: number;
  writesMerged: number;
  bytesWritten: number;
  writeSeconds: number;
  pending: number;
  ioSeconds: number;
  weightedSeconds: number;
  /** From Linux 4.18 on; NaN before. */
  discards: number;
  /** From Linux 5.5 on; NaN before. */
  flushes: number;
}

/**
 * `major minor name` and eleven numbers or more: completed, merged, sectors, ms for reads, then for writes; in flight, ms,
 * weighted ms; from 4.18 on four of discards; from 5.5 on flushes and their ms.
 */
export function parseDiskstats(text: string): DiskStat[] {
  const disks: DiskStat[] = [];
  const names = new Set<string>();
  for (const line of text.split('\n')) {
    const field = line.trim().split(/\s+/);
    if (field.length < 14) continue;
    names.add(field[2]!);
    if (IN_MEMORY.test(field[2]!) || PATH.test(field[2]!)) continue;
    const at = (i: number) => Number(field[i]);
    disks.push({
      device: field[2]!,
      reads: at(3),
      readsMerged: at(4),
      bytesRead: at(5) * SECTOR_BYTES,
      readSeconds: at(6) / 1000,
      writes: at(7),
      writesMerged: at(8),
      bytesWritten: at(9) * SECTOR_BYTES,
      writeSeconds: at(10) / 1000,
      pending: at(11),
      ioSeconds: at(12) / 1000,
      weightedSeconds: at(13) / 1000,
      discards: at(14),
      flushes: at(18),
    });
  }
  return disks.filter((d) => !names.has(diskOf(d.device)));
}

/** The disk whose partition it is if there is such a disk, as the kernel names them: sda1 -> sda, nvme0n1p2 -> nvme0n1. */
function diskOf(device: string): string {
  return (/^(.*\d)p\d+$/.exec(device) ?? /^(.*\D)\d+$/.exec(device))?.[1] ?? '';
}

export function reportDisks(meter: Meter, disks: readonly DiskStat[]): void {
  for (const d of disks) {
    const device = { 'system.device': d.device };
    const read = { ...device, 'disk.io.direction': 'read' };
    const write = { ...device, 'disk.io.direction': 'write' };
    meter.monotonic('system.disk.io', d.bytesRead, 'By', read);
    meter.monotonic('system.disk.io', d.bytesWritten, 'By', write);
    meter.monotonic('system.disk.operations', d.reads, '{operation}', read);
    meter.monotonic('system.disk.operations', d.writes, '{operation}', write);
    meter.monotonic('system.disk.operation_time', d.readSeconds, 's', read, SECONDS_WRAP);
    meter.monotonic('system.disk.operation_time', d.writeSeconds, 's', write, SECONDS_WRAP);
    meter.monotonic('system.disk.merged', d.readsMerged, '{operation}', read);
    meter.monotonic('system.disk.merged', d.writesMerged, '{operation}', write);
    meter.monotonic('system.disk.io_time', d.ioSeconds, 's', device, SECONDS_WRAP);
    meter.monotonic('system.disk.weighted_io_time', d.weightedSeconds, 's', device, SECONDS_WRAP);
    meter.gauge('system.disk.pending_operations', d.pending, '{operation}', device);
    meter.monotonic('system.linux.disk.discards', d.discards, '{operation}', device);
    meter.monotonic('system.linux.disk.flushes', d.flushes, '{operation}', device);
  }
}

export function disk(host: HostFiles): Check {
  return async (meter) => reportDisks(meter, parseDiskstats(host.read('/proc/diskstats')));
}
