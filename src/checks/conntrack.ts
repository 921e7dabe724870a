/** Connections that the kernel's firewall follows, where it does: nf_conntrack_count and nf_conntrack_max. */
import type { Check } from './check.ts';
import type { HostFiles } from './files.ts';

export function conntrack(host: HostFiles): Check {
  return (meter) => {
    const count = host.number('/proc/sys/net/netfilter/nf_conntrack_count');
    const limit = host.number('/proc/sys/net/netfilter/nf_conntrack_max');
    meter.gauge('system.linux.conntrack.count', count, '{entry}');
    meter.gauge('system.linux.conntrack.limit', limit, '{entry}');
  };
}
