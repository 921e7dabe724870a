/** Open files of the whole machine, from /proc/sys/fs/file-nr: `allocated  unused  limit`. */
import type { Check } from './check.ts';
import type { HostFiles } from './files.ts';

export function parseFileNr(text: string): { count: number; limit: number } {
  const [allocated, unused, limit] = text.trim().split(/\s+/).map(Number);
  return { count: allocated! - unused!, limit: limit! };
}

export function fileHandles(host: HostFiles): Check {
  return (meter) => {
    const { count, limit } = parseFileNr(host.read('/proc/sys/fs/file-nr'));
    meter.gauge('system.linux.file_handle.count', count, '{file}');
    // "No limit" is the largest number of 64 bits, which no double holds.
    if (limit < Number.MAX_SAFE_INTEGER) meter.gauge('system.linux.file_handle.limit', limit, '{file}');
  };
}
