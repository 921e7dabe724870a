/**
 * What of a rule one source brings: instances by their labels, a slot each in a table of what was measured.
 *
 * Nearly all of them are well, and an evaluation costs those a few numbers: their value is made and compared for all at once.
 * Only where it is beyond `fire`, where it is not as `START` is, or where points do not come, is one looked at closely.
 */
import { Divisors } from './divisors.ts';
import { ValueHistory } from './history.ts';
import { Instance, type InstanceState } from './instance.ts';
import { InstanceColumns } from './instance-columns.ts';
import { type AlertProgress, evaluate, type FiringConditions, START, type State } from './machine.ts';
import type { MetricPoint } from './point.ts';
import { conditionsOf, type Rule } from './rule.ts';
import { SeriesPlaces } from './series-places.ts';
import { isBeyond, isSettled, sideOf } from './threshold.ts';
import { countsNothing } from './value.ts';
import { widened } from './widened.ts';
import { WindowTable, windowsOf } from './window-table.ts';
import { workColumn } from './work-columns.ts';

/** Intervals: from what came after a longer gap nothing is concluded. */
export const LONGEST_GAP = 3;

/** Numbers that an evaluation goes through for values that are only shown. */
const MOST_SHOWN_CELLS = 300;

const FIRST_ROOM = 8;

const FREE = 0;
/** It is as START is. */
const WELL = 1;
/** It is looked at closely each time. */
const WATCHED = 2;
/** It fires, and there is nothing else about it. */
const FIRES = 3;

export interface AlertChange {
  instance: Instance;
  previous: State;
}

export class RulePart {
  readonly rule: Rule;
  readonly source: string;
  readonly instances = new Map<string, Instance>();
  /** More may have come than what is in the windows. */
  isUnread = false;
  /** When it was last, on the monotonic clock. */
  evaluated: number | null = null;
  #interval: number;
  #table: WindowTable;
  #conditions: FiringConditions;
  readonly #divisors: Divisors | null;
  /** By slot. */
  readonly #slots: (Instance | null)[] = [];
  #states = new Uint8Array(FIRST_ROOM);
  readonly columns = new InstanceColumns(FIRST_ROOM);
  /** Of the one that is looked at. */
  readonly #progress: AlertProgress = { ...START };
  readonly #free: number[] = [];
  readonly series = new SeriesPlaces();
  /** What is compared is told, not measured. */
  readonly #isTold: boolean;
  /** Those whose values of the last hour are kept. */
  readonly #remembering = new Set<Instance>();
  /** The last known value, by slot; where it is shown when points do not come. */
  #shown: Float64Array | null = null;
  /** How many more percentiles an evaluation may make for them to be shown, and of which slot the next one is. */
  #exacts = 0;
  #nextExact = 0;
  /** A value that was told, in place of what is in the table. */
  #told: { compared: number; shown: number } | null = null;

  constructor(rule: Rule, source: string, interval: number) {
    this.rule = rule;
    this.source = source;
    this.#interval = interval;
    this.#table = new WindowTable(rule, interval);
    this.#conditions = conditionsOf(rule, interval);
    this.#divisors = rule.of === null ? null : new Divisors(rule, interval, (key) => this.instances.get(key)?.slot);
    if (rule.no_data === 'alert') this.#shown = new Float64Array(this.#states.length);
    this.#isTold = rule.kind === 'absent';
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
      const room = 2 * this.#states.length;
      this.#states = widened(this.#states, room);
      this.columns.grow(room);
      if (this.#shown) this.#shown = widened(this.#shown, room);
    }
    if (this.#shown) this.#shown[slot] = Number.NaN;
    this.#states[slot] = this.#isTold ? WATCHED : WELL;
    this.#table.clear(slot);
    this.columns.clear(slot);
    this.instances.set(key, made);
    this.#divisors?.instance(slot, key);
    return made;
  }

  /** Those that are not ok. */
  *notOk(): Generator<Instance> {
    for (let slot = 0; slot < this.#slots.length; slot++) {
      if (this.#states[slot]! < WATCHED) continue;
      if (!this.columns.isOk(slot)) yield this.#slots[slot]!;
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

  /** Closes the window. `gone` is told which instances are in it no more. */
  evaluate(now: number, gone: (instance: Instance) => void): AlertChange[] {
    const { rule } = this;
    const { fire, clear } = rule;
    const since = this.evaluated === null ? 0 : now - this.evaluated;
    const passed = since > this.#interval * LONGEST_GAP ? 0 : since;
    this.evaluated = now;
    const changes: AlertChange[] = [];
    const table = this.#table;
    const count = this.#slots.length;
    const values = workColumn('values', count);
    table.evaluate(count, values);
    const { open, pointAt } = table;
    this.#divisors?.divide(values, count);
    const states = this.#states;
    const shown = this.#shown;
    // What is not measured is told then.
    const oldest = shown === null ? open - table.lasts + 1 : open;
    const side = sideOf(fire);
    const limit = side * fire.threshold;
    this.#exacts = Math.max(1, Math.floor(MOST_SHOWN_CELLS / table.exactCells));
    for (let slot = 0; slot < count; slot++) {
      const state = states[slot]!;
      if (state === FREE) continue;
      const value = values[slot]!;
      if (
        state === WELL &&
        pointAt[slot]! >= oldest &&
        // Nearly always that much is enough. Not known: NaN.
        (side * value < limit || Number.isNaN(value) || !isBeyond(fire, value))
      ) {
        if (shown !== null && !Number.isNaN(value)) shown[slot] = value;
        continue;
      }
      if (state === FIRES && pointAt[slot] === open && !Number.isNaN(value) && !isBeyond(clear, value)) {
        this.columns.setValue(slot, value);
        continue;
      }
      const previous = this.#look(slot, passed);
      // What has changed is told first.
      if (previous !== null) changes.push({ instance: this.#slots[slot]!, previous });
      else if (this.#isOver(slot)) gone(this.#remove(slot));
    }
    if (this.#exacts > 0) this.#nextExact = 0;
    this.#rememberValues(now);
    table.next(count);
    this.#divisors?.next();
    this.#told = null;
    return changes;
  }

  /** Gives the state before where that has changed. */
  #look(slot: number, passed: number): State | null {
    const progress = this.columns.load(slot, this.#progress);
    if (this.#states[slot] === WELL) Object.assign(progress, START, { silent: this.#wake(slot) });
    const previous = progress.state;
    const side = this.#told === null ? this.#table.side(slot, previous === 'firing' ? 'clear' : 'fire') : Number.NaN;
    const compared = Number.isNaN(side) ? this.#compared(slot) : side;
    // What was not counted is none.
    const fresh =
      this.#told !== null ||
      this.#table.hasPoint(slot) ||
      countsNothing(this.rule.value) ||
      this.#divisors?.counts(slot) === true;
    const state = evaluate(progress, compared, fresh, passed, this.#conditions);
    if (!Number.isNaN(side) && (state !== previous || this.#isInTurn(slot))) this.#compared(slot);
    this.columns.store(slot, progress);
    this.#states[slot] = this.#isTold ? WATCHED : this.#standing(compared);
    return state === previous ? null : previous;
  }

  /** How the one that was looked at is gone on with. */
  #standing(compared: number | null): number {
    const { state, elapsed, counting, silent } = this.#progress;
    if (state === 'ok' && (this.rule.no_data !== 'alert' || silent === 0)) return WELL;
    if (state !== 'firing' || compared === null || counting || elapsed + silent > 0) return WATCHED;
    // Percentiles are shown in turn.
    return this.#table.exactCells === 0 ? FIRES : WATCHED;
  }

  /** It was well, and need not be now: what it was then. Gives since when there was no point, milliseconds. */
  #wake(slot: number): number {
    const last = this.#shown?.[slot] ?? Number.NaN;
    if (Number.isFinite(last)) this.columns.setValue(slot, last);
    return this.#table.age(slot) * this.#interval;
  }

  #rememberValues(now: number): void {
    const { rule } = this;
    const table = this.#table;
    for (const instance of this.#remembering) {
      const { slot, value } = instance;
      const history = instance.history!;
      if (slot < 0) continue;
      if (this.#isTold) history.add(value, now);
      else if (!table.hasPoint(slot) && !countsNothing(rule.value) && !this.#divisors) history.add(null, now);
      else if (table.exactCells === 0) history.add(table.exact(slot), now);
      else if (this.#states[slot] === WATCHED) history.add(value, now);
      else if (this.#exacts > 0 && history.isDue(now)) {
        this.#exacts--;
        history.add(table.exact(slot), now);
        // Next time it is the others' turn.
        this.#remembering.delete(instance);
        this.#remembering.add(instance);
      }
    }
  }

  /** Whether what is shown of a percentile is made now. */
  #isInTurn(slot: number): boolean {
    if (this.#exacts === 0 || slot < this.#nextExact) return false;
    this.#exacts--;
    this.#nextExact = slot + 1;
    return true;
  }

  /** What is compared; null: nothing is known. */
  #compared(slot: number): number | null {
    if (this.#told) {
      this.columns.setValue(slot, this.#told.shown);
      return this.#told.compared;
    }
    const value = this.#table.exact(slot);
    if (value === null || (!this.#divisors && !this.#isKnown(slot, value))) return null;
    // Nobody is told of what never comes.
    this.columns.setValue(slot, Number.isFinite(value) ? value : null);
    return value;
  }

  /** What was counted before it was looked at, or is not read yet, is not known: so far it is so much at least. */
  #isKnown(slot: number, value: number): boolean {
    const { rule } = this;
    const counts = countsNothing(rule.value);
    if (!this.isUnread && (!counts || this.#table.seen(slot) >= windowsOf(rule, this.#interval))) return true;
    return counts && isSettled(this.#progress.state === 'firing' ? rule.clear : rule.fire, value);
  }

  /** Nothing is known of it any more, and nothing is to be told. */
  #isOver(slot: number): boolean {
    const { open, pointAt, lasts } = this.#table;
    if (this.rule.kind === 'absent' || !this.columns.isOk(slot)) return false;
    if (open - pointAt[slot]! < lasts) return false;
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
