/**
 * Datagrams that the kernel dropped because the receive buffer was full: the column `drops` of /proc/net/udp.
 *
 *   sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ref pointer drops
 */
import { readFileSync } from 'node:fs';

/** Of the socket with this inode, since it was opened. */
export function kernelDrops(inode: number): number {
  for (const file of ['/proc/net/udp', '/proc/net/udp6']) {
    for (const line of read(file).split('\n')) {
      const columns = line.trim().split(/\s+/);
      if (Number(columns[9]) === inode) return Number(columns[12]);
    }
  }
  return 0;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    // A kernel without IPv6 has no udp6.
    return '';
  }
}
