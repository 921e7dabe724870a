/** `statsd`: its one input, with all listeners. */
import type { CommonConfig } from '../../config/config.ts';
import type { InputHost, OpenInput, OpenKind } from '../../core/input.ts';
import type { StatsdInput } from './kind.ts';
import type { StatsdConfig } from './options.ts';
import { KeptSockets } from './receive/kept.ts';
import { NOTHING, type StatsdSaid } from './report.ts';

export function openStatsd(host: InputHost): OpenKind<StatsdInput> {
  const kept = new KeptSockets();
  return {
    configure(config) {
      const { statsd } = config as CommonConfig & { statsd: StatsdConfig };
      kept.only(statsd.listen.map(({ address }) => address));
    },
    async open({ id, options }, { first }): Promise<OpenInput> {
      const account = host.account(id);
      // It was bound: where it cannot be now, that ends nothing, and is tried again.
      const unbound = !first ? 'missed' : host.isSet('statsd.listen') ? 'refused' : 'warned';
      const { statsdSource } = await import('./statsd.ts');
      const source = statsdSource({
        ...options,
        unbound,
        account,
        kept,
        nextWindowId: () => host.nextWindowId(),
        measured: host.measured,
        onError: (error) => host.trouble(id, error.message),
      });
      return {
        ready: source.ready,
        run: (output, signal) => source.run(output, signal),
        problems: () =>
          [...source.status().listeners, ...source.status().forward].flatMap(({ address, error }) =>
            error ? [`statsd ${address}: ${error}`] : [],
          ),
        inFlight: () => source.inFlight(),
        top: () => source.top(),
        capture: (sink) => source.capture(sink),
        status: (): StatsdSaid['statsd'] => ({ ...source.status(), replaced: account.replaced }),
      };
    },
    problems: () => [],
    status: ([said]) => (said ? { statsd: said } : NOTHING),
    close: async () => kept.only([]),
  };
}
