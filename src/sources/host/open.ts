/** `metrics`: the checks of this machine. */
import type { InputHost, OpenInput, OpenKind } from '../../core/input.ts';
import type { HostInput } from './kind.ts';

export function openHost(host: InputHost): OpenKind<HostInput> {
  return {
    async open({ id, options }): Promise<OpenInput> {
      const nextWindowId = () => host.nextWindowId();
      const { measured } = host;
      const { check, config, ...common } = options;
      if (check) {
        const { customSource } = await import('./custom.ts');
        const { interval } = config;
        const source = customSource({ ...common, check, interval, account: host.account(id), nextWindowId, measured });
        return {
          run: (output, signal) => source.run(output, signal),
          problems: () => {
            const problem = source.problem();
            return problem === null ? [] : [problem];
          },
          inFlight: () => 0,
          status: () => [source.status()],
        };
      }
      const { hostSource } = await import('./host.ts');
      const { sendInventories } = await import('./inventory.ts');
      const account = host.account(id);
      const source = hostSource({ ...options, account, nextWindowId, otherClock: host.otherClock, measured });
      const { events } = options;
      return {
        async run(output, signal) {
          const inventory =
            events === null
              ? null
              : sendInventories({ ...options, topic: events, account, nextWindowId }, output, signal);
          await Promise.all([source.run(output, signal), inventory]);
        },
        problems: () => [],
        inFlight: () => 0,
        status: () => source.status(),
      };
    },
    problems: () => [],
    status: (inputs) => ({ checks: inputs.flat() }),
    close: async () => undefined,
  };
}
