/**
 * Alerting: what the engine says is written down, then recorded, then told.
 *
 *   window -> engine -> changes -> journal, synced -> records of the topic
 *                                                  -> mailboxes, Alertmanager       whom a silence does not keep it from
 */
import { isDeepStrictEqual } from 'node:util';
import { aborted } from '../core/abort.ts';
import type { MetricDocuments } from '../core/measured.ts';
import { PointReader } from './documents.ts';
import { Engine } from './engine.ts';
import { heldForAlso, isHeldFor } from './held.ts';
import type { Instance, InstanceState } from './instance.ts';
import type { AlertJournal, JournalStep } from './journal.ts';
import type { State } from './machine.ts';
import type { Alert, AlertAction, AlertOrigin, Notification } from './notification.ts';
import type { Delivered } from './notify/channel.ts';
import type { MailboxStatus } from './notify/mailbox.ts';
import type { AlertChange } from './part.ts';
import type { MetricPoint } from './point.ts';
import type { ReceiverConfig } from './receiver.ts';
import { Receivers, type Telling, toAll } from './receivers.ts';
import { alertRecord } from './record.ts';
import { resume } from './resume.ts';
import type { Rule } from './rule.ts';
import type { Silence } from './silences.ts';
import { AlertView } from './view.ts';

/** Of the topic, among those that are told. */
export const RECORDS = '';
const TICK_MS = 1000;

export interface AlertingOptions {
  rules: readonly Rule[];
  receivers: readonly ReceiverConfig[];
  origin: AlertOrigin;
  agentId: string;
  /** What survives: it goes on from where that is. */
  journal: AlertJournal;
  /** Of what has no source of its own, milliseconds. */
  interval: number;
  /** Takes a record; `recorded` says when it is safe. Null: none are made. */
  record: ((id: number, document: string) => void) | null;
}

export class Alerting {
  readonly #o: AlertingOptions;
  readonly #engine: Engine;
  readonly #journal: AlertJournal;
  readonly #view: AlertView;
  #receivers!: Receivers;
  readonly #reader = new PointReader();
  #looked = 0;

  private constructor(options: AlertingOptions) {
    this.#o = options;
    this.#journal = options.journal;
    this.#engine = new Engine(options.rules);
    this.#view = new AlertView(this.#engine, options.journal.kept, options.origin);
  }

  /** Goes on from where the journal is. */
  static async open(options: AlertingOptions): Promise<Alerting> {
    const alerting = new Alerting(options);
    alerting.#receivers = await Receivers.open(options.receivers, {
      journal: options.journal,
      firing: (receiver) => alerting.#view.firing(receiver),
      isSilenced: (alert) => alerting.#view.isSilenced(alert, Date.now()),
      next: () => alerting.#next(),
      host: options.origin.host,
    });
    alerting.#resume();
    return alerting;
  }

  /** A source has closed a window, or one piece of it (`last` false). */
  window(source: string, interval: number, documents: MetricDocuments, last = true): void {
    const points = this.#reader.points(documents, (name) => this.#engine.wants(name));
    if (last) this.points(source, interval, points);
    else this.#engine.take(source, interval, performance.now(), points);
  }

  /** `unread`: names of rules of which more may have come than these. */
  points(source: string, interval: number, points: readonly MetricPoint[], unread?: ReadonlySet<string>): void {
    this.#take(this.#engine.window(source, interval, performance.now(), points, unread));
  }

  /** The record of this number is safe. */
  recorded(ids: readonly number[]): void {
    void this.#journal.take({ done: ids }, { sync: false });
  }

  async run(signal: AbortSignal): Promise<void> {
    const timer = setInterval(() => this.#tick(), TICK_MS);
    try {
      await Promise.all([this.#receivers.run(signal), aborted(signal)]);
    } finally {
      clearInterval(timer);
    }
  }

  /** Nothing comes any more: resolves when what came is written down, and with the recorder. */
  async settle(): Promise<void> {
    this.#saveProgress();
    await this.#journal.written();
  }

  /** What is so. */
  get view(): AlertView {
    return this.#view;
  }

  get receivers(): MailboxStatus[] {
    return this.#receivers.status;
  }

  get rules(): number {
    return this.#o.rules.length;
  }

  get ruleNames(): string[] {
    return this.#o.rules.map(({ name }) => name);
  }

  get silences(): Silence[] {
    return [...this.#journal.kept.silences.values()];
  }

  get problems(): string[] {
    const failing = this.receivers
      .filter(({ error }) => error !== null)
      .map(({ name, error }) => `alerts: ${name}: ${error}`);
    return this.#journal.error === null ? failing : [this.#journal.error, ...failing];
  }

  /** Resolves when it is written down. */
  async silence(silence: Omit<Silence, 'id'>): Promise<Silence> {
    const id = String(this.#next());
    const whole = { ...silence, id };
    await this.#journal.take({ change: this.#journal.kept.change, silences: { [id]: whole } });
    this.#receivers.kick();
    return whole;
  }

  /** False: there is none of this id. */
  async unsilence(id: string): Promise<boolean> {
    if (!this.#journal.kept.silences.has(id)) return false;
    await this.#endSilences([id]);
    return true;
  }

  /** Tells a receiver of an alert that is none; null: there is no such receiver. */
  notify(name: string, signal: AbortSignal): Promise<Delivered | null> {
    return this.#receivers.test(name, signal);
  }

  #tick(): void {
    const now = performance.now();
    const { interval } = this.#o;
    this.#take(this.#engine.tick(now, interval));
    const ended = this.silences.filter(({ until }) => until <= Date.now()).map(({ id }) => id);
    if (ended.length > 0) void this.#endSilences(ended);
    // Ticks do not come to the millisecond.
    if (now - this.#looked < interval - TICK_MS / 2) return;
    this.#looked = now;
    // What could not be written is, as soon as it can be.
    if (this.#journal.error !== null) void this.#journal.take({});
    this.#saveProgress();
    this.#receivers.forget();
    this.#receivers.remind();
    this.#receivers.tellLate();
  }

  /** What the engine says: written down, recorded, told. */
  #take(changes: readonly AlertChange[]): void {
    if (changes.length === 0) return;
    const at = Date.now();
    const step: Required<Pick<JournalStep, 'states'>> & { gone: string[]; queued: Notification[] } = {
      states: {},
      gone: [],
      queued: [],
    };
    const told: Telling[] = [];
    const records: { id: number; document: string }[] = [];
    for (const { instance, previous } of changes) {
      const { state } = instance;
      instance.since = at;
      const action = actionOf(state, instance);
      if (action !== null) {
        const alert = this.#view.alertOf(instance, action, at, this.#next());
        const silenced = this.#view.isSilenced(alert, at);
        records.push(this.#recordOf(alert, { state, previous, silenced, at }));
        const { held } = instance;
        const begins = instance.recorded === null;
        const telling = { ...alert, begins };
        // Who was told is told that it ended, whatever is silenced since.
        if (action === 'resolved') told.push({ alert: telling, to: (receiver) => !isHeldFor(held, receiver) });
        else if (!silenced) told.push({ alert: telling, to: toAll });
        instance.held = action !== 'resolved' && silenced && (begins || held);
        instance.recorded = action === 'resolved' ? null : { action, start: alert.start, change: alert.change };
      }
      if (state === 'ok') step.gone.push(instance.id);
      else step.states[instance.id] = this.#view.saved(instance);
    }
    this.#tell(step, told, records, at);
  }

  #tell(
    step: JournalStep & { queued: Notification[] },
    told: readonly Telling[],
    records: readonly { id: number; document: string }[],
    at: number,
  ): void {
    const { known } = this.#receivers;
    const { letters, done } = this.#receivers.letters(told, at);
    const { record } = this.#o;
    const kept = record
      ? records.map(({ id, document }) => ({ id, receiver: RECORDS, rule: '', at, alerts: [], document }))
      : [];
    step.queued.push(...kept, ...letters.map(({ notification }) => notification));
    step.done = [...(step.done ?? []), ...done];
    step.change = this.#journal.kept.change;
    if (!isDeepStrictEqual(known, this.#journal.kept.receivers)) step.receivers = known;
    void this.#journal.take(step).then(() => {
      for (const { id, document } of kept) record?.(id, document);
      this.#receivers.deliver(letters, told);
    });
  }

  /** What a silence held and still fires is told now. */
  async #endSilences(ids: readonly string[]): Promise<void> {
    await this.#journal.take({ ended: ids });
    const at = Date.now();
    const told: Telling[] = [];
    const states: Record<string, InstanceState> = {};
    for (const instance of this.#engine.notOk()) {
      const { held } = instance;
      const alert = held === false ? null : this.#view.recordedOf(instance);
      if (alert === null || this.#view.isSilenced(alert, at)) continue;
      instance.held = false;
      told.push({ alert: { ...alert, begins: true }, to: (receiver) => isHeldFor(held, receiver) });
      states[instance.id] = this.#view.saved(instance);
    }
    this.#tell({ states, queued: [] }, told, [], at);
  }

  /** How far conditions that hold have come: not worth a sync. */
  #saveProgress(): void {
    const states: Record<string, InstanceState> = {};
    for (const instance of this.#engine.notOk())
      if (instance.progress.counting) states[instance.id] = this.#view.saved(instance);
    if (Object.keys(states).length > 0) void this.#journal.take({ states }, { sync: false });
  }

  /** Goes on with what was written down; what belongs to no rule any more is resolved, who is new is told what fires. */
  #resume(): void {
    const { kept } = this.#journal;
    const at = Date.now();
    this.#journal.recall();
    const { over, anew, gone, newcomers } = resume(this.#engine, kept.states, {
      fingerprintOf: (instance) => this.#view.alertOf(instance, 'firing', at, 0).fingerprint,
      newFor: (alert) => this.#receivers.newFor(alert).filter((name) => !this.#receivers.isWaiting(name, alert)),
    });
    const told: Telling[] = [];
    const states: Record<string, InstanceState> = {};
    const records: { id: number; document: string }[] = [];
    for (const { alert: was, saved, reason } of over) {
      const alert: Alert = { ...was, action: 'resolved', end: at, change: this.#next() };
      const silenced = saved.held === true;
      records.push(this.#recordOf(alert, { state: 'ok', previous: saved.state, silenced, at, reason }));
      const strangers = heldForAlso(saved.held, this.#receivers.newFor(was));
      told.push({ alert, to: (receiver) => !isHeldFor(strangers, receiver) });
    }
    for (const { instance, alert, receivers } of newcomers) {
      if (this.#view.isSilenced(alert, at)) {
        instance.held = heldForAlso(instance.held, receivers);
        states[instance.id] = this.#view.saved(instance);
      } else told.push({ alert: { ...alert, begins: true }, to: (receiver) => receivers.includes(receiver) });
    }
    const waiting = [...kept.queued.values()];
    const isOf = ({ receiver }: Notification) => receiver === RECORDS || this.#receivers.has(receiver);
    const done = waiting.filter((one) => !isOf(one)).map(({ id }) => id);
    this.#journal.follow(() => this.#view.states());
    if (over.length + gone.length + done.length + newcomers.length > 0)
      this.#tell({ states, gone, done, queued: [] }, told, records, at);
    this.#take(anew.map((instance) => ({ instance, previous: 'ok' as const })));
    for (const { id, receiver, document } of waiting) {
      if (receiver === RECORDS && document !== undefined) this.#o.record?.(id, document);
    }
  }

  #recordOf(alert: Alert, told: { state: State; previous: State; silenced: boolean; at: number; reason?: string }) {
    return { id: this.#next(), document: alertRecord({ alert, ...told }, this.#o.agentId) };
  }

  #next(): number {
    return ++this.#journal.kept.change;
  }
}

/** Null: nobody is to know. */
function actionOf(state: State, { recorded }: Instance): AlertAction | null {
  if (state === 'firing') return 'firing';
  if (state === 'no_data') return 'no_data';
  return state === 'ok' && recorded !== null ? 'resolved' : null;
}
