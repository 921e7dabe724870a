/** `audit`: its one input, with all listeners. */
import type { InputHost, OpenInput, OpenKind } from '../../core/input.ts';
import type { AuditInput } from './kind.ts';
import { type AuditSaid, NOTHING } from './report.ts';

export function openAudit(host: InputHost): OpenKind<AuditInput> {
  return {
    async open({ options }, { first }): Promise<OpenInput> {
      const { AuditInputSource } = await import('./source.ts');
      return new AuditInputSource(options, host, first);
    },
    problems: () => [],
    status: ([said]) => (said ? { audit: said as AuditSaid['audit'] } : NOTHING),
    close: async () => undefined,
  };
}
