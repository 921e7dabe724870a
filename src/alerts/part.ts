/**
 * What of a rule one source brings: instances by their labels, a slot each in a table of what was measured.
 *
 * Nearly all of them are well, and an evaluation costs those a few numbers: their value is made and compared for all at once.
 * Only where it is beyond `fire`, where it is not as `START` is, or where points do not come, is one looked at closely.
 */
import { Divisors } from './divisors.ts';
import { ValueHistory } from './history.ts';
import { Instance, type InstanceState } from './instance.ts';
import { MOST_INSTANCES } from './instance-labels.ts';
import { evaluate, type FiringConditions, START, type State } from './machine.ts';
import type { MetricPoint } from './point.ts';
import { conditionsOf, type Rule } from './rule.ts';
import { isBeyond, isSettled } from './threshold.ts';
import { countsNothing } from './value.ts';
import { WindowTable, windowsOf } from './window-table.ts';

/** Names and series that are kept in mind; beyond, it is begun anew. */
export const MOST_KNOWN = 2 * MOST_INSTANCES;
/** Intervals: from what came after a longer gap nothing is concluded. */
export const LONGEST_GAP = 3;

const FREE = 0;
/** It is as START is. */
const WELL = 1;
/** It is looked at closely each time. */
const WATCHED = 2;

export interface AlertChange {
  instance: Instance;
  previous: State;
}

export class RulePart {
  readonly rule: Rule;
  readonly source: string;
  readonly instances = new Map<string, Instance>();
  /** When it was last, on the monotonic clock. */
  evaluated: number | null = null;
  #interval: number;
  #table: WindowTable;
  #conditions: FiringConditions;
  readonly #divisors: Divisors | null;
  /** By slot. */
  readonly #slots: (Instance | null)[] = [];
  #states = new Uint8Array(8);
  readonly #free: number[] = [];
  /** By name and series of a point: where it goes; null: it is not of the rule. */
  readonly #known = new Map<string, Map<string, Instance | null>>();
  /** Series in it: names and series come from outside, and go. */
  #remembered = 0;
  /** What is compared is not in the table as it is. */
  readonly #closely: boolean;
  /** Those whose values of the last hour are kept. */
  readonly #remembering = new Set<Instance>();
  /** The last known value, by slot; where it is shown when points do not come. */
  #shown: Float64Array | null = null;
  /** A value that was told, in place of what is in the table. */
  #told: { compared: number; shown: number } | null = null;

  constructor(rule: Rule, source: string, interval: number) {
    this.rule = rule;
    this.source = source;
    this.#interval = interval;
    this.#table = new WindowTable(rule, interval);
    this.#conditions = conditionsOf(rule, interval);
    this.#divisors = rule.of === null ? null : new Divisors(rule, interval);
    if (rule.no_data === 'alert') this.#shown = new Float64Array(this.#states.length);
    const sided = rule.value.reduction !== 'quantile' || !['==', '!='].includes(rule.fire.operator);
    this.#closely = rule.of !== null || rule.forecast !== null || rule.kind === 'absent' || !sided;
  }

  get interval(): number {
    return this.#interval;
  }

  /** The source's interval is another than it was: of windows of the old one nothing is made. */
  retime(interval: number): void {
    this.#interval = interval;
    this.#table = new WindowTable(this.rule, interval);
    this.#conditions = conditionsOf(this.rule, interval);
    this.#divisors?.retime(interval);
    for (const { slot } of this.instances.values()) this.#table.clear(slot);
  }

  instance(key: string, attributes: Readonly<Record<string, string>>): Instance {
    const slot = this.#free.pop() ?? this.#slots.length;
    const made = new Instance(this, key, attributes, slot);
    this.#slots[slot] = made;
    if (slot >= this.#states.length) {
      const states = new Uint8Array(this.#states.length * 2);
      states.set(this.#states);
      this.#states = states;
      if (this.#shown) this.#shown = widened(this.#shown);
    }
    if (this.#shown) this.#shown[slot] = Number.NaN;
    this.#states[slot] = this.#closely ? WATCHED : WELL;
    this.#table.clear(slot);
    this.instances.set(key, made);
    return made;
  }

  /** Those that are not ok. */
  *notOk(): Generator<Instance> {
    for (let slot = 0; slot < this.#slots.length; slot++) {
      if (this.#states[slot] !== WATCHED) continue;
      const instance = this.#slots[slot]!;
      if (instance.progress.state !== 'ok') yield instance;
    }
  }

  restore(saved: InstanceState): Instance {
    const instance = this.instances.get(saved.key) ?? this.instance(saved.key, saved.attributes);
    instance.resume(saved);
    this.#states[instance.slot] = WATCHED;
    return instance;
  }

  /** From now on its values of the last hour are kept. */
  rememberValues(instance: Instance): void {
    instance.history = new ValueHistory();
    this.#remembering.add(instance);
  }

  add({ slot }: Instance, point: MetricPoint): void {
    this.#table.add(slot, point);
  }

  addDivisor(key: string, point: MetricPoint): void {
    this.#divisors?.add(key, point);
  }

  /** Of the only instance: what it is, in place of what was measured. */
  tell(compared: number, shown: number): void {
    this.#told = { compared, shown };
  }

  /** Where a series goes; null: it is not of the rule. */
  seriesOf(name: string): Map<string, Instance | null> {
    let of = this.#known.get(name);
    if (!of) {
      of = new Map();
      this.#known.set(name, of);
    }
    return of;
  }

  remember(known: Map<string, Instance | null>, series: string, instance: Instance | null): void {
    if (!known.has(series) && ++this.#remembered > MOST_KNOWN) {
      this.#known.clear();
      this.#remembered = 0;
    }
    known.set(series, instance);
  }

  /** Closes the window. `gone` is told which instances are in it no more. */
  evaluate(now: number, gone: (instance: Instance) => void): AlertChange[] {
    const { rule } = this;
    const { fire } = rule;
    const since = this.evaluated === null ? 0 : now - this.evaluated;
    const passed = since > this.#interval * LONGEST_GAP ? 0 : since;
    this.evaluated = now;
    const changes: AlertChange[] = [];
    const table = this.#table;
    const count = this.#slots.length;
    table.evaluate(count);
    this.#divisors?.evaluate();
    const { values, points, ages } = table;
    const states = this.#states;
    const last = table.lasts - 1;
    // What is not measured is told then.
    const shown = this.#shown;
    for (let slot = 0; slot < count; slot++) {
      const state = states[slot]!;
      if (state === FREE) continue;
      const value = values[slot]!;
      if (
        state === WELL &&
        (points[slot]! > 0 || (shown === null && ages[slot]! < last)) &&
        // Not known: NaN.
        (Number.isNaN(value) || !isBeyond(fire, value))
      ) {
        if (shown !== null && !Number.isNaN(value)) shown[slot] = value;
        continue;
      }
      const previous = this.#look(slot, passed);
      if (previous !== null) changes.push({ instance: this.#slots[slot]!, previous });
      if (this.#isOver(slot)) gone(this.#remove(slot));
    }
    this.#rememberValues(now);
    table.next(count);
    this.#divisors?.next();
    this.#told = null;
    return changes;
  }

  /** Gives the state before where that has changed. */
  #look(slot: number, passed: number): State | null {
    const instance = this.#slots[slot]!;
    if (instance.progress === START) this.#wake(instance);
    const { progress } = instance;
    const previous = progress.state;
    const compared = this.#compared(instance);
    // What was not counted is none.
    const fresh =
      this.#told !== null ||
      this.#table.points[slot]! > 0 ||
      countsNothing(this.rule.value) ||
      this.#divisors?.counts(instance.key) === true;
    const state = evaluate(progress, compared, fresh, passed, this.#conditions);
    const isWell = state === 'ok' && (this.rule.no_data !== 'alert' || progress.silent === 0);
    if (isWell) instance.progress = START;
    this.#states[slot] = isWell && !this.#closely ? WELL : WATCHED;
    return state === previous ? null : previous;
  }

  /** It was well, and need not be now: since when there was no point, and what it was then. */
  #wake(instance: Instance): void {
    const silent = this.#table.ages[instance.slot]! * this.#interval;
    instance.progress = { ...START, silent };
    const last = this.#shown?.[instance.slot] ?? Number.NaN;
    if (Number.isFinite(last)) instance.value = last;
  }

  #rememberValues(now: number): void {
    const { rule } = this;
    const table = this.#table;
    for (const { slot, progress, value, history } of this.#remembering) {
      if (slot < 0) continue;
      if (this.#told || this.#closely) history!.add(progress.silent > 0 ? null : value, now);
      else if (table.points[slot]! === 0 && !countsNothing(rule.value)) history!.add(null, now);
      // A percentile takes longer than to see on which side it is.
      else if (rule.value.reduction !== 'quantile' || history!.isDue(now)) history!.add(table.exact(slot), now);
    }
  }

  /** What is compared; null: nothing is known. */
  #compared(instance: Instance): number | null {
    const { rule } = this;
    if (this.#told) {
      instance.value = this.#told.shown;
      return this.#told.compared;
    }
    if (rule.forecast) {
      const left = this.#table.until(instance.slot, rule.forecast.reaches);
      if (left === null) return null;
      instance.value = Number.isFinite(left) ? left / 1000 : null;
      return left <= rule.forecast.within ? 1 : 0;
    }
    let value = this.#table.exact(instance.slot);
    if (this.#divisors) value = this.#divisors.ratio(instance.key, value);
    else if (value !== null && !this.#isKnown(instance, value)) return null;
    if (value !== null) instance.value = value;
    return value;
  }

  /** What was counted before it was looked at is not known: so far it is so much at least. */
  #isKnown({ slot, progress }: Instance, value: number): boolean {
    const { rule } = this;
    if (!countsNothing(rule.value) || this.#table.seen[slot]! + 1 >= windowsOf(rule, this.#interval)) return true;
    return isSettled(progress.state === 'firing' ? rule.clear : rule.fire, value);
  }

  /** Nothing is known of it any more, and nothing is to be told. */
  #isOver(slot: number): boolean {
    const { points, ages, lasts } = this.#table;
    if (this.rule.kind === 'absent' || this.#slots[slot]!.progress.state !== 'ok') return false;
    if (points[slot]! > 0 || ages[slot]! + 1 < lasts) return false;
    return this.rule.no_data !== 'alert' || countsNothing(this.rule.value);
  }

  #remove(slot: number): Instance {
    const instance = this.#slots[slot]!;
    this.instances.delete(instance.key);
    this.#slots[slot] = null;
    this.#states[slot] = FREE;
    this.#table.clear(slot);
    this.#free.push(slot);
    this.#remembering.delete(instance);
    instance.slot = -1;
    return instance;
  }
}

function widened(numbers: Float64Array): Float64Array {
  const wider = new Float64Array(numbers.length * 2);
  wider.set(numbers);
  return wider;
}
