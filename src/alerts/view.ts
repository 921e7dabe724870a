/** What is so: instances as the alerts that are told, shown and written down. */
import type { Engine } from './engine.ts';
import { isHeldFor } from './held.ts';
import type { Instance, InstanceState } from './instance.ts';
import type { Kept } from './journal.ts';
import type { State } from './machine.ts';
import { type Alert, type AlertAction, type AlertOrigin, alertOf } from './notification.ts';
import { type AlertShown, shownAlert } from './shown.ts';
import { isSilenced } from './silences.ts';

export class AlertView {
  readonly #engine: Engine;
  readonly #kept: Kept;
  readonly #origin: AlertOrigin;

  constructor(engine: Engine, kept: Kept, origin: AlertOrigin) {
    this.#engine = engine;
    this.#kept = kept;
    this.#origin = origin;
  }

  /** How many are in each state that is not ok. */
  get counts(): Record<Exclude<State, 'ok'>, number> {
    const counts = { pending: 0, firing: 0, no_data: 0 };
    for (const { state } of this.#engine.notOk()) if (state !== 'ok') counts[state]++;
    return counts;
  }

  /** At most so many of those that are not ok, what fires before what is about to. */
  shown(most: number): AlertShown[] {
    const now = Date.now();
    const all = [...this.#engine.notOk()];
    const pending = all.filter(({ state }) => state === 'pending');
    const told = all.filter(({ state }) => state !== 'pending');
    return [...told, ...pending].slice(0, most).map((instance) => {
      const alert = this.alertOf(instance, 'firing', now, 0);
      return shownAlert(instance, alert, this.isSilenced(alert, now));
    });
  }

  /** What is written down of all that are not ok. */
  *states(): Generator<readonly [id: string, InstanceState]> {
    for (const instance of this.#engine.notOk()) yield [instance.id, this.saved(instance)];
  }

  /** What fires now, and is not kept from this receiver since it began. */
  *firing(receiver: string): Generator<Alert> {
    for (const instance of this.#engine.notOk()) {
      if (isHeldFor(instance.held, receiver)) continue;
      const alert = this.recordedOf(instance);
      if (alert !== null) yield alert;
    }
  }

  /** As it was recorded last, with what it is now; null: it was not. */
  recordedOf(instance: Instance): Alert | null {
    const { recorded } = instance;
    return recorded && alertOf(instance, { ...recorded, at: recorded.start }, this.#origin);
  }

  /** What is written down of one. */
  saved(instance: Instance): InstanceState {
    return instance.saved(this.recordedOf(instance));
  }

  /** As it is told now. */
  alertOf(instance: Instance, action: AlertAction, at: number, change: number): Alert {
    const start = instance.recorded?.start ?? at;
    return alertOf(instance, { action, start, change, at }, this.#origin);
  }

  isSilenced(alert: Pick<Alert, 'rule' | 'labels'>, now: number): boolean {
    return isSilenced(this.#kept.silences.values(), alert, now);
  }
}
