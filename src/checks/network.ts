/** What network interfaces did, from /proc/net/dev. The host's ends of containers' cables (veth...) are left out. */
import type { Check, Meter } from './check.ts';
import type { HostFiles } from './files.ts';
import { WRAPS_AT } from './meter.ts';

/** Their names are random (Calico's and Cilium's hexadecimal): every container that comes and goes would be new series. */
const OF_CONTAINERS = /^(veth|cali[\da-f]{11}$|lxc[\da-f]{8,}$|lxc_health$)/;

interface Traffic {
  bytes: number;
  packets: number;
  errors: number;
  dropped: number;
}

export interface InterfaceStat {
  name: string;
  receive: Traffic;
  transmit: Traffic;
}

/** Two lines of headings, then `name: bytes packets errs drop fifo frame compressed multicast` and the same of sending. */
export function parseNetDev(text: string): InterfaceStat[] {
  const interfaces: InterfaceStat[] = [];
  for (const line of text.split('\n').slice(2)) {
    // The name ends at the last colon: an alias such as eth0:1 has one of its own.
    const colon = line.lastIndexOf(':');
    const name = line.slice(0, colon).trim();
    if (colon < 0 || OF_CONTAINERS.test(name)) continue;
    const n = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    interfaces.push({ name, receive: traffic(n, 0), transmit: traffic(n, 8) });
  }
  return interfaces;
}

function traffic(n: readonly number[], at: number): Traffic {
  return { bytes: n[at]!, packets: n[at + 1]!, errors: n[at + 2]!, dropped: n[at + 3]! };
}

export function reportNetwork(meter: Meter, interfaces: readonly InterfaceStat[]): void {
  for (const i of interfaces) {
    // Some drivers count in 32 bits.
    for (const direction of ['receive', 'transmit'] as const) {
      const attributes = { 'network.interface.name': i.name, 'network.io.direction': direction };
      meter.monotonic('system.network.io', i[direction].bytes, 'By', attributes, WRAPS_AT);
      meter.monotonic('system.network.packet.count', i[direction].packets, '{packet}', attributes, WRAPS_AT);
      meter.monotonic('system.network.packet.dropped', i[direction].dropped, '{packet}', attributes, WRAPS_AT);
      meter.monotonic('system.network.errors', i[direction].errors, '{error}', attributes, WRAPS_AT);
    }
  }
}

export function network(host: HostFiles): Check {
  return async (meter) => reportNetwork(meter, parseNetDev(host.read(`${host.view}/net/dev`)));
}
