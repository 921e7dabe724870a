/** `otlp`: its one input, with all listeners. */
import type { InputHost, OpenInput, OpenKind } from '../../core/input.ts';
import type { OtlpInput } from './kind.ts';
import { NOTHING, type OtlpSaid } from './report.ts';

export function openOtlp(host: InputHost): OpenKind<OtlpInput> {
  return {
    async open({ options }, { first }): Promise<OpenInput> {
      const { OtlpSource } = await import('./source.ts');
      return new OtlpSource(options, host, first);
    },
    problems: () => [],
    status: ([said]) => (said ? { otlp: said as OtlpSaid['otlp'] } : NOTHING),
    close: async () => undefined,
  };
}
