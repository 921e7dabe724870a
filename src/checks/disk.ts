/** What block devices did, from /proc/diskstats. Memory-backed devices and partitions of a listed disk are left out. */
import type { Meter } from './check.ts';
import { readProc } from './proc.ts';

/** /proc/diskstats counts sectors of 512 bytes, whatever the device's own are. */
const SECTOR_BYTES = 512;
const IN_MEMORY = /^(z?ram|loop|fd)\d+$/;

export interface DiskStat {
  device: string;
  reads: number;
  bytesRead: number;
  readSeconds: number;
  writes: number;
  bytesWritten: number;
  writeSeconds: number;
  ioSeconds: number;
  weightedSeconds: number;
}

/** `major minor name` and eleven numbers or more: completed, merged, sectors, ms for reads, then for writes; in flight, ms, weighted ms. */
export function parseDiskstats(text: string): DiskStat[] {
  const disks: DiskStat[] = [];
  const names = new Set<string>();
  for (const line of text.split('\n')) {
    const field = line.trim().split(/\s+/);
    if (field.length < 14) continue;
    names.add(field[2]!);
    if (IN_MEMORY.test(field[2]!)) continue;
    const at = (i: number) => Number(field[i]);
    disks.push({
      device: field[2]!,
      reads: at(3),
      bytesRead: at(5) * SECTOR_BYTES,
      readSeconds: at(6) / 1000,
      writes: at(7),
      bytesWritten: at(9) * SECTOR_BYTES,
      writeSeconds: at(10) / 1000,
      ioSeconds: at(12) / 1000,
      weightedSeconds: at(13) / 1000,
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
    const read = { 'system.device': d.device, 'disk.io.direction': 'read' };
    const write = { 'system.device': d.device, 'disk.io.direction': 'write' };
    meter.monotonic('system.disk.io', d.bytesRead, 'By', read);
    meter.monotonic('system.disk.io', d.bytesWritten, 'By', write);
    meter.monotonic('system.disk.operations', d.reads, '{operation}', read);
    meter.monotonic('system.disk.operations', d.writes, '{operation}', write);
    meter.monotonic('system.disk.operation_time', d.readSeconds, 's', read);
    meter.monotonic('system.disk.operation_time', d.writeSeconds, 's', write);
    meter.monotonic('system.disk.io_time', d.ioSeconds, 's', { 'system.device': d.device });
    meter.monotonic('system.disk.weighted_io_time', d.weightedSeconds, 's', { 'system.device': d.device });
  }
}

export async function disk(meter: Meter): Promise<void> {
  reportDisks(meter, parseDiskstats(readProc('diskstats')));
}
