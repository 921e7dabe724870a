/** `dns`: whether a name has an address, at the machine's servers or at the one that is asked for. */
import { Resolver } from 'node:dns/promises';
import { aborted } from '../../core/abort.ts';
import { CRITICAL, type CustomCheck, FINE, type Verdict } from './custom.ts';
import type { CustomCheckConfig } from './options.ts';
import { failureOf } from './request.ts';

export function dnsCheck({ query, server }: CustomCheckConfig): CustomCheck {
  return {
    async run(to, signal): Promise<Verdict> {
      const resolver = new Resolver({ tries: 1 });
      if (server) resolver.setServers([server]);
      aborted(signal).then(() => resolver.cancel());
      const began = performance.now();
      try {
        const addresses = await resolver.resolve4(query!).catch(async (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENODATA') return resolver.resolve6(query!);
          throw error;
        });
        to.gauge('dns.check.duration', (performance.now() - began) / 1000, {}, 's');
        return addresses.length > 0 ? FINE : { state: CRITICAL, message: `${query} has no address` };
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        return { state: CRITICAL, message: `${query}: ${failureOf(error)}` };
      }
    },
  };
}
