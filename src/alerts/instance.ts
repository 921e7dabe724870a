/** One instance of a rule: a label set, and its state. What was measured of it is in the table of its part, by slot. */
import type { Held } from './held.ts';
import type { ValueHistory } from './history.ts';
import type { InstanceColumns, Recorded } from './instance-columns.ts';
import { type AlertProgress, START, type State } from './machine.ts';
import type { Alert } from './notification.ts';
import type { Rule } from './rule.ts';

/** What is written down of one that is not ok. Wall times in milliseconds since the epoch. */
export interface InstanceState {
  rule: string;
  hash: string;
  source: string;
  interval: number;
  key: string;
  attributes: Readonly<Record<string, string>>;
  state: State;
  elapsed: number;
  counting: boolean;
  silent: number;
  /** When it came into its state. */
  since: number;
  value: number | null;
  /** As it was recorded last, while it is not resolved; null: it was not. */
  alert: Alert | null;
  /** It fires, and a silence kept it from being told. */
  held: Held;
}

/** What one source brings of a rule. */
export interface InstanceOf {
  readonly rule: Rule;
  readonly source: string;
  readonly interval: number;
  readonly columns: InstanceColumns;
}

export class Instance {
  readonly of: InstanceOf;
  readonly key: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** In the tables; -1: it is in none any more. */
  slot: number;
  held: Held = false;
  /** Its values of the last hour; null: they are not kept. */
  history: ValueHistory | null = null;

  constructor(of: InstanceOf, key: string, attributes: Readonly<Record<string, string>>, slot: number) {
    this.of = of;
    this.key = key;
    this.attributes = attributes;
    this.slot = slot;
  }

  get state(): State {
    return this.of.columns.state(this.slot);
  }

  get progress(): AlertProgress {
    return this.of.columns.load(this.slot, { ...START });
  }

  /** What was compared last, as it is shown; null: nothing. */
  get value(): number | null {
    return this.of.columns.value(this.slot);
  }

  set value(value: number | null) {
    this.of.columns.setValue(this.slot, value);
  }

  get since(): number {
    return this.of.columns.since[this.slot]!;
  }

  set since(at: number) {
    this.of.columns.since[this.slot] = at;
  }

  /** While it is not resolved; null: it was not recorded. */
  get recorded(): Recorded | null {
    return this.of.columns.recorded(this.slot);
  }

  set recorded(recorded: Recorded | null) {
    this.of.columns.setRecorded(this.slot, recorded);
  }

  get rule(): Rule {
    return this.of.rule;
  }

  /** In the journal. */
  get id(): string {
    return `${this.rule.name}\0${this.of.source}\0${this.key}`;
  }

  /** `alert`: as it was recorded last. */
  saved(alert: Alert | null): InstanceState {
    const { of, key, attributes, since, value, held } = this;
    const { rule, source, interval } = of;
    const names = { rule: rule.name, hash: rule.hash, source, interval, key, attributes };
    return { ...names, ...this.progress, since, value, alert, held };
  }

  resume({ state, elapsed, counting, silent, since, value, alert, held }: InstanceState): void {
    this.of.columns.store(this.slot, { state, elapsed, counting, silent });
    const recorded = alert && { action: alert.action, start: alert.start, change: alert.change };
    Object.assign(this, { since, value, recorded, held });
  }
}
