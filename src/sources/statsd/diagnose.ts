/** Whether the kernel lets the listeners have the buffers that they are to have. */
import { readFileSync } from 'node:fs';
import { parseListener } from '../../config/listener.ts';
import type { Tell } from '../../core/diagnosis.ts';
import { formatSize } from '../../core/units.ts';
import type { StatsdConfig } from './options.ts';

const RMEM_MAX = '/proc/sys/net/core/rmem_max';
const DGRAM_QLEN = '/proc/sys/net/unix/max_dgram_qlen';
/** Containers have 10; systemd sets 512 at boot. */
const FEW_DATAGRAMS = 128;

export function diagnoseBuffers(
  { listen, receive_buffer }: Pick<StatsdConfig, 'listen' | 'receive_buffer'>,
  tell: Tell,
  read: (path: string) => number | null = numberIn,
): void {
  const kinds = new Set(listen.map(({ address }) => parseListener(address).kind));
  const most = kinds.has('udp') ? read(RMEM_MAX) : null;
  if (most !== null && most < receive_buffer) {
    tell({
      level: 'warning',
      about: 'limits',
      message: `net.core.rmem_max is ${formatSize(most)}, less than statsd.receive_buffer (${formatSize(receive_buffer)}): bursts over UDP may be lost`,
      remedy: `sysctl -w net.core.rmem_max=${receive_buffer}, and for good systemd/60-runnel.conf; or runnel.socket, for which systemd sets it`,
    });
  } else if (most !== null) {
    tell({ level: 'ok', about: 'limits', message: `net.core.rmem_max is ${formatSize(most)}` });
  }
  const waiting = kinds.has('unixgram') ? read(DGRAM_QLEN) : null;
  if (waiting !== null && waiting < FEW_DATAGRAMS) {
    tell({
      level: 'warning',
      about: 'limits',
      message: `net.unix.max_dgram_qlen is ${waiting}: only so many datagrams wait in a socket at a path before its senders do`,
      remedy: 'sysctl -w net.unix.max_dgram_qlen=512, and for good systemd/60-runnel.conf',
    });
  }
}

/** Null: this kernel has none, or does not show it here. */
function numberIn(path: string): number | null {
  try {
    return Number(readFileSync(path, 'latin1'));
  } catch {
    return null;
  }
}
