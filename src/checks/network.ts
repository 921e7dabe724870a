/** What network interfaces did, from /proc/net/dev. The host's ends of containers' cables (veth...) are left out. */
import { type Check, type Meter, MOST_DEVICES, upToMost } from './check.ts';
import type { HostFiles } from './files.ts';
import { WRAPS_AT } from './meter.ts';
import { linesIn, numbersAt } from './text.ts';

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
  for (const [begin, end] of linesIn(text)) {
    // The name ends at the last colon: an alias such as eth0:1 has one of its own. The headings have none.
    const colon = text.lastIndexOf(':', end);
    if (colon < begin) continue;
    const name = text.slice(begin, colon).replace(/^ +/, '');
    if (OF_CONTAINERS.test(name)) continue;
    numbersAt(text, colon + 1, row.fill(Number.NaN));
    interfaces.push({ name, receive: traffic(0), transmit: traffic(8) });
  }
  return interfaces;
}

const row = new Float64Array(12);

function traffic(at: number): Traffic {
  return { bytes: row[at]!, packets: row[at + 1]!, errors: row[at + 2]!, dropped: row[at + 3]! };
}

export function reportNetwork(meter: Meter, interfaces: readonly InterfaceStat[]): void {
  for (const i of upToMost(interfaces, MOST_DEVICES, 'interfaces', meter)) {
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
  return (meter) => reportNetwork(meter, parseNetDev(host.read(`${host.view}/net/dev`)));
}
