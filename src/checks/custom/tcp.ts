/** `tcp`: whether somebody takes connections there, and how long that takes. */
import { connect } from 'node:net';
import { lookupName } from '../../core/names.ts';
import { CRITICAL, type CustomCheck, FINE, type Verdict } from './custom.ts';
import type { CustomCheckConfig } from './options.ts';
import { failureOf } from './request.ts';

export function tcpCheck({ address }: CustomCheckConfig): CustomCheck {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address!)!;
  const [host, port] = [found[1] ?? found[2]!, Number(found[3])];
  return {
    async run(to, signal): Promise<Verdict> {
      const began = performance.now();
      const socket = connect({ host, port, signal, lookup: lookupName });
      try {
        await new Promise<void>((connected, failed) => socket.once('connect', connected).once('error', failed));
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        return { state: CRITICAL, message: `${address}: ${failureOf(error)}` };
      } finally {
        socket.on('error', () => undefined).destroy();
      }
      to.gauge('tcp.check.duration', (performance.now() - began) / 1000, {}, 's');
      return FINE;
    },
  };
}
