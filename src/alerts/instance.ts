/** One instance of a rule: a label set, what was measured of it, and its state. */
import type { Divisor } from './divisor.ts';
import type { Held } from './held.ts';
import type { ValueHistory } from './history.ts';
import { type AlertProgress, evaluate, type FiringConditions, START, type State } from './machine.ts';
import type { Alert } from './notification.ts';
import type { OneWindow } from './one-window.ts';
import type { MetricPoint } from './point.ts';
import type { Rule } from './rule.ts';
import { isSettled } from './threshold.ts';
import { countsNothing } from './value.ts';
import { Windows, windowsFor, windowsOf } from './window.ts';

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

export class Instance {
  readonly rule: Rule;
  readonly key: string;
  readonly attributes: Readonly<Record<string, string>>;
  interval: number;
  readonly source: string;
  readonly progress: AlertProgress = { ...START };
  /** What was compared last, as it is shown; null: nothing. */
  value: number | null = null;
  since = 0;
  alert: Alert | null = null;
  held: Held = false;
  /** Its values of the last hour; null: they are not kept. */
  history: ValueHistory | null = null;
  /** It is in no table any more. */
  gone = false;
  #windows: Windows | OneWindow;
  /** Windows that were closed since nothing was known, not beyond those that count. */
  #closed = 0;
  #isSum = false;
  /** The open window has a point; and the one before had. */
  #fresh = false;
  #wasFresh = false;
  /** A value that was told, in place of windows. */
  #told: { value: number; shown: number } | null = null;

  constructor(rule: Rule, key: string, attributes: Readonly<Record<string, string>>, interval: number, source: string) {
    this.rule = rule;
    this.key = key;
    this.attributes = attributes;
    this.interval = interval;
    this.source = source;
    this.#windows = windowsFor(rule, interval);
  }

  /** Its source has another interval. */
  retime(interval: number): void {
    this.interval = interval;
    this.#windows = windowsFor(this.rule, interval);
    this.#closed = 0;
  }

  add(point: MetricPoint): void {
    this.#isSum = point.type === 'sum';
    this.#fresh = true;
    this.#windows.add(point, this.rule.value.reduction === 'quantile');
  }

  tell(value: number, shown: number): void {
    this.#told = { value, shown };
    this.#fresh = true;
  }

  /** Closes the window. Gives the state before where that has changed. `divisor`: of a ratio. */
  evaluate(conditions: FiringConditions, passed: number, divisor: Divisor | null): State | null {
    const previous = this.progress.state;
    const compared = this.#compared(conditions, divisor);
    // What was not counted is none.
    const fresh = this.#fresh || countsNothing(this.rule.value) || divisor?.counts === true;
    const state = evaluate(this.progress, compared, fresh, passed, conditions);
    this.#windows.next();
    this.#closed = Math.min(this.#closed + 1, windowsOf(this.rule, this.interval));
    this.#told = null;
    this.#wasFresh = this.#fresh;
    this.#fresh = false;
    return state === previous ? null : previous;
  }

  /** Nothing is known of it any more, and nothing is to be told. */
  get isOver(): boolean {
    if (this.progress.state !== 'ok' || this.#wasFresh || !this.#windows.isEmpty) return false;
    return this.rule.no_data !== 'alert' || countsNothing(this.rule.value);
  }

  /** In the journal. */
  get id(): string {
    return `${this.rule.name}\0${this.source}\0${this.key}`;
  }

  get saved(): InstanceState {
    const { rule, source, interval, key, attributes, since, value, alert, held } = this;
    const names = { rule: rule.name, hash: rule.hash, source, interval, key, attributes };
    return { ...names, ...this.progress, since, value, alert, held };
  }

  resume({ state, elapsed, counting, silent, since, value, alert, held }: InstanceState): void {
    Object.assign(this.progress, { state, elapsed, counting, silent });
    Object.assign(this, { since, value, alert, held });
  }

  /** What is compared; null: nothing is known. */
  #compared(conditions: FiringConditions, divisor: Divisor | null): number | null {
    if (this.#told) {
      this.value = this.#told.shown;
      return this.#told.value;
    }
    const { rule, interval } = this;
    if (rule.forecast && this.#windows instanceof Windows) {
      const left = this.#windows.until(rule.forecast.reaches, rule.value, interval);
      if (left === null) return null;
      this.value = Number.isFinite(left) ? left / 1000 : null;
      return left <= rule.forecast.within ? 1 : 0;
    }
    let value = this.#windows.value(rule.value, this.#isSum, interval);
    if (divisor !== null) value = ratioOf(value, divisor);
    else if (value !== null && !this.#isKnown(value, conditions)) return null;
    if (value !== null) this.value = value;
    return value;
  }

  /** What was counted before it was looked at is not known: so far it is so much at least. */
  #isKnown(value: number, { fire, clear }: FiringConditions): boolean {
    if (!countsNothing(this.rule.value) || this.#closed + 1 >= windowsOf(this.rule, this.interval)) return true;
    return isSettled(this.progress.state === 'firing' ? clear : fire, value);
  }
}

function ratioOf(value: number | null, divisor: Divisor): number | null {
  const by = divisor.value;
  if (by === null) return null;
  return value === null ? (divisor.counts ? 0 : null) : value / by;
}
