/** What a start makes of what was written down: what goes on, what has ended, and who has not been told yet. */
import type { Engine } from './engine.ts';
import type { Instance, InstanceState } from './instance.ts';
import type { Alert } from './notification.ts';

export interface Resumed {
  /** Belongs to no rule any more, or has other labels than it was told with. */
  over: { alert: Alert; saved: InstanceState; reason: string }[];
  /** To be told as it is called now. */
  anew: Instance[];
  /** Names of what is forgotten. */
  gone: string[];
  /** Fires since before these receivers were there. */
  newcomers: { instance: Instance; alert: Alert; receivers: string[] }[];
}

export function resume(
  engine: Engine,
  states: ReadonlyMap<string, InstanceState>,
  { fingerprintOf, newFor }: { fingerprintOf(instance: Instance): string; newFor(alert: Alert): string[] },
): Resumed {
  const resumed: Resumed = { over: [], anew: [], gone: [], newcomers: [] };
  for (const [id, saved] of states) {
    const instance = engine.restore(saved);
    const { alert } = saved;
    if (instance === null) {
      resumed.gone.push(id);
      if (alert !== null) resumed.over.push({ alert, saved, reason: 'rule removed' });
    } else if (alert !== null && fingerprintOf(instance) !== alert.fingerprint) {
      resumed.over.push({ alert, saved, reason: 'labels changed' });
      instance.recorded = null;
      resumed.anew.push(instance);
    } else if (alert !== null && saved.held !== true) {
      const receivers = newFor(alert);
      if (receivers.length > 0) resumed.newcomers.push({ instance, alert, receivers });
    }
  }
  return resumed;
}
