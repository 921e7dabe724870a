/** What block devices did, from /proc/diskstats. Memory-backed devices and partitions of a listed disk are left out. */
import { type Check, type Meter, MOST_DEVICES, upToMost } from './check.ts';
import type { HostFiles } from './files.ts';
import { WRAPS_AT } from './meter.ts';
import { linesIn, numbersAt } from './text.ts';

/** /proc/diskstats counts sectors of 512 bytes, whatever the device's own are. */
const SECTOR_BYTES = 512;
const IN_MEMORY = /^(z?ram|loop|fd)\d+$/;
/** One path to a disk of several: what goes over it is counted by the disk, too. */
const PATH = /^nvme\d+c\d+n\d+$/;
/** It prints milliseconds as 32 bits: those of a busy disk begin at 0 again after weeks. */
const SECONDS_WRAP = WRAPS_AT / 1000;
/** `major minor name` */
const NAME = / *\d+ +\d+ +(\S+)/y;
const row = new Float64Array(17);

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
  for (const [begin] of linesIn(text)) {
    NAME.lastIndex = begin;
    const device = NAME.exec(text)?.[1];
    if (device === undefined || numbersAt(text, NAME.lastIndex, row.fill(Number.NaN)) < 11) continue;
    names.add(device);
    if (IN_MEMORY.test(device) || PATH.test(device)) continue;
    disks.push({
      device,
      reads: row[0]!,
      readsMerged: row[1]!,
      bytesRead: row[2]! * SECTOR_BYTES,
      readSeconds: row[3]! / 1000,
      writes: row[4]!,
      writesMerged: row[5]!,
      bytesWritten: row[6]! * SECTOR_BYTES,
      writeSeconds: row[7]! / 1000,
      pending: row[8]!,
      ioSeconds: row[9]! / 1000,
      weightedSeconds: row[10]! / 1000,
      discards: row[11]!,
      flushes: row[15]!,
    });
  }
  return disks.filter((d) => !names.has(diskOf(d.device)));
}

/** The disk whose partition it is if there is such a disk, as the kernel names them: sda1 -> sda, nvme0n1p2 -> nvme0n1. */
function diskOf(device: string): string {
  return (/^(.*\d)p\d+$/.exec(device) ?? /^(.*\D)\d+$/.exec(device))?.[1] ?? '';
}

export function reportDisks(meter: Meter, disks: readonly DiskStat[]): void {
  for (const d of upToMost(disks, MOST_DEVICES, 'disks', meter)) {
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
  return (meter) => reportDisks(meter, parseDiskstats(host.read('/proc/diskstats')));
}
