/**
 * Rules over the points that sources bring, window by window:
 *
 *   source closes a window -> points of names that rules mention -> instances, one a label set -> state machine -> changes
 *
 * What each source brings is apart: it has its own interval. A source that closes none any more is gone on without points.
 * Time is the monotonic clock's, milliseconds; after a gap of more than three intervals nothing is concluded from it.
 */
import { wildcards } from '../config/wildcards.ts';
import type { Instance, InstanceState } from './instance.ts';
import { chosenLabels, labelKey, MOST_INSTANCES, MOST_INSTANCES_OF_RULE, OVERFLOW_LABELS } from './instance-labels.ts';
import { type AlertChange, LONGEST_GAP, RulePart } from './part.ts';
import type { MetricPoint } from './point.ts';
import type { Rule } from './rule.ts';
import { MOST_KNOWN } from './series-places.ts';

/** Of an interval: when a window that does not come is closed without it. */
const LATE = 1.5;
/** Instances whose values of the last hour are kept: as many as the status lists. */
const MOST_HISTORIES = 1000;
const ABSENT_SOURCE = '';
const NONE: ReadonlySet<string> = new Set();

interface Source {
  name: string;
  interval: number;
  /** When its last window was; null: none was, and it is waited for since the next tick. */
  closed: number | null;
  parts: Set<RulePart>;
  /** By number of the rule. */
  byRule: RulePart[];
}

export class Engine {
  readonly #rules: readonly { rule: Rule; matches: (name: string) => boolean; isDivisor: (name: string) => boolean }[];
  readonly #sources = new Map<string, Source>();
  readonly #parts = new Map<string, RulePart>();
  /** By name: the rules that look at it. */
  readonly #wanted = new Map<string, readonly number[]>();
  readonly #matchers = new WeakMap<Rule, readonly (readonly [name: string, matches: (value: string) => boolean])[]>();
  /** By rule, of `absent`: when it last had a measurement. */
  readonly #seen = new Map<Rule, number>();
  #count = 0;
  #histories = 0;

  constructor(rules: readonly Rule[]) {
    this.#rules = rules.map((rule) => ({
      rule,
      matches: wildcards([rule.metric]),
      isDivisor: (name) => name === rule.of,
    }));
    for (const rule of rules) {
      const where = Object.entries(rule.where).map(([name, value]) => [name, wildcards([value])] as const);
      this.#matchers.set(rule, where);
    }
  }

  get rules(): readonly Rule[] {
    return this.#rules.map(({ rule }) => rule);
  }

  /** Whether a rule looks at metrics of this name. */
  wants(name: string): boolean {
    return this.#rulesOf(name).length > 0;
  }

  /**
   * A source has closed a window, which has these points of names that are wanted. `unread`: names of rules of which more may
   * have come than these.
   */
  window(
    source: string,
    interval: number,
    now: number,
    points: Iterable<MetricPoint>,
    unread?: ReadonlySet<string>,
  ): AlertChange[] {
    this.take(source, interval, now, points);
    return this.close(source, now, unread);
  }

  /** Points of the window that a source is about to close. */
  take(source: string, interval: number, now: number, points: Iterable<MetricPoint>): void {
    const known = this.#source(source, interval);
    for (const part of known.parts) if (part.interval !== interval) part.retime(interval);
    for (const point of points) {
      // What is no number is no point: of a sum with it nothing would be known.
      if (Number.isNaN(point.value)) continue;
      for (const index of this.#rulesOf(point.name)) this.#add(index, known, point, now);
    }
  }

  /** A source has closed a window. */
  close(source: string, now: number, unread: ReadonlySet<string> = NONE): AlertChange[] {
    const known = this.#sources.get(source);
    if (!known) return [];
    known.closed = now;
    for (const part of known.parts) part.isUnread = unread.has(part.rule.name);
    return [...known.parts].flatMap((part) => this.#evaluate(part, now));
  }

  /** To be called now and then, at least once in the shortest interval: sources that bring nothing go on without. */
  tick(now: number, interval: number): AlertChange[] {
    const changes: AlertChange[] = [];
    for (const source of this.#sources.values()) {
      const { interval: theirs, parts } = source;
      source.closed ??= now;
      if (now - source.closed < theirs * LATE) continue;
      for (const part of parts) {
        if (part.evaluated !== null && now - part.evaluated < theirs) continue;
        changes.push(...this.#evaluate(part, now));
      }
    }
    for (const { rule } of this.#rules) if (rule.kind === 'absent') changes.push(...this.#absent(rule, now, interval));
    return changes;
  }

  /** All that are not ok. */
  *notOk(): Iterable<Instance> {
    for (const part of this.#parts.values()) yield* part.notOk();
  }

  /** Goes on from where an instance was; false: its rule is gone, or another one. */
  restore(saved: InstanceState): Instance | null {
    const rule = this.#rules.find(({ rule }) => rule.name === saved.rule && rule.hash === saved.hash)?.rule;
    if (!rule) return null;
    const part = this.#part(rule, saved.source, saved.interval);
    const instance = part.restore(saved);
    this.#counted(part, instance);
    return instance;
  }

  #rulesOf(name: string): readonly number[] {
    let found = this.#wanted.get(name);
    if (!found) {
      found = this.#rules.flatMap(({ matches, isDivisor }, i) => (matches(name) || isDivisor(name) ? [i] : []));
      // Names come from outside, and there is no end of them.
      if (this.#wanted.size >= MOST_KNOWN) this.#wanted.clear();
      this.#wanted.set(name, found);
    }
    return found;
  }

  #source(name: string, interval: number): Source {
    let source = this.#sources.get(name);
    if (!source) {
      source = { name, interval, closed: null, parts: new Set(), byRule: [] };
      this.#sources.set(name, source);
    }
    source.interval = interval;
    return source;
  }

  #part(rule: Rule, source: string, interval: number): RulePart {
    const key = `${rule.name}\0${source}`;
    let part = this.#parts.get(key);
    if (!part) {
      part = new RulePart(rule, source, interval);
      this.#parts.set(key, part);
      if (source !== ABSENT_SOURCE) this.#source(source, interval).parts.add(part);
    }
    return part;
  }

  #add(index: number, source: Source, point: MetricPoint, now: number): void {
    const { rule, matches } = this.#rules[index]!;
    if (rule.kind === 'absent') {
      if (this.#isOf(rule, point)) this.#seen.set(rule, now);
      return;
    }
    source.byRule[index] ??= this.#part(rule, source.name, source.interval);
    const part = source.byRule[index];
    const known = point.series === undefined ? null : part.series.of(point.name);
    const had = known?.get(point.series!);
    if (had === null) return;
    if (typeof had === 'string') {
      part.addDivisor(had, point);
      return;
    }
    if (had && had.slot >= 0) {
      part.add(had, point);
      return;
    }
    if (!this.#isOf(rule, point)) {
      if (known) part.series.remember(known, point.series!, null);
      return;
    }
    const attributes = rule.by === null ? point.attributes : chosenLabels(point.attributes, rule.by);
    const key = labelKey(attributes);
    if (rule.of !== null && !matches(point.name)) {
      if (known) part.series.remember(known, point.series!, key);
      part.addDivisor(key, point);
      return;
    }
    const instance = this.#instance(part, key, attributes);
    // Where it was one too many there may be room later.
    if (known && instance.key === key) part.series.remember(known, point.series!, instance);
    part.add(instance, point);
  }

  #isOf(rule: Rule, { attributes }: MetricPoint): boolean {
    for (const [name, fits] of this.#matchers.get(rule)!) if (!fits(attributes[name] ?? '')) return false;
    return true;
  }

  #instance(part: RulePart, key: string, attributes: Readonly<Record<string, string>>): Instance {
    const { instances } = part;
    const had = instances.get(key);
    if (had) return had;
    if ((instances.size >= MOST_INSTANCES_OF_RULE || this.#count >= MOST_INSTANCES) && attributes !== OVERFLOW_LABELS) {
      return this.#instance(part, labelKey(OVERFLOW_LABELS), OVERFLOW_LABELS);
    }
    const made = part.instance(key, attributes);
    this.#counted(part, made);
    return made;
  }

  #counted(part: RulePart, instance: Instance): void {
    this.#count++;
    if (this.#histories >= MOST_HISTORIES) return;
    this.#histories++;
    part.rememberValues(instance);
  }

  #evaluate(part: RulePart, now: number): AlertChange[] {
    return part.evaluate(now, ({ history }) => {
      this.#count--;
      if (history) this.#histories--;
    });
  }

  /** One without labels, which is there from the beginning: nothing came for so long. */
  #absent(rule: Rule, now: number, interval: number): AlertChange[] {
    const part = this.#part(rule, ABSENT_SOURCE, interval);
    if (part.interval !== interval) part.retime(interval);
    const before = part.evaluated;
    const seen = this.#seen.get(rule);
    const instance = this.#instance(part, labelKey({}), {});
    // It begins to be looked for now; one that fires since before a restart goes on until something comes.
    if (seen === undefined) this.#seen.set(rule, instance.state === 'ok' ? now : now - rule.absent);
    else if (before === null && instance.state === 'ok') this.#seen.set(rule, now);
    else if (before !== null && now - before > interval * LONGEST_GAP)
      this.#seen.set(rule, Math.min(now, seen + (now - before)));
    const silent = now - this.#seen.get(rule)!;
    part.tell(silent >= rule.absent ? 1 : 0, silent / 1000);
    return this.#evaluate(part, now);
  }
}
