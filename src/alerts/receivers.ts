/** All receivers of a configuration: who is told of which alerts, what waits for whom, who is reminded. */
import type { AlertJournal } from './journal.ts';
import type { Alert, Notification } from './notification.ts';
import { Alertmanager, RESOLVED_MS } from './notify/alertmanager.ts';
import { channelOf } from './notify/all.ts';
import type { Delivered } from './notify/channel.ts';
import { FlapLimit } from './notify/limit.ts';
import { Mailbox, type MailboxStatus } from './notify/mailbox.ts';
import { RuleLimit } from './notify/rule-limit.ts';
import { isForOf, type KnownReceivers, knownReceiver, type ReceiverConfig } from './receiver.ts';

interface Receiver {
  config: ReceiverConfig;
  isFor: (alert: Alert) => boolean;
  told: Mailbox | Alertmanager;
  /** By fingerprint: when it was told last, on the monotonic clock. */
  reminded: Map<string, number>;
  limit: FlapLimit;
  rules: RuleLimit;
}

/** An alert, and which of the receivers that want it are told. */
export interface Telling {
  alert: Alert;
  to(receiver: string): boolean;
}

export function toAll(): boolean {
  return true;
}

/** A message, and who it is for. */
interface Letter {
  receiver: Receiver;
  notification: Notification;
  /** It is only written down: it is told later. */
  waits: boolean;
}

export interface ReceiversOptions {
  journal: AlertJournal;
  /** What fires now, and is not kept from this receiver since it began. */
  firing(receiver: string): Iterable<Alert>;
  isSilenced(alert: Alert): boolean;
  /** The next number of a message. */
  next(): number;
  host: string;
  /** The monotonic clock, for tests. */
  clock?: () => number;
}

export class Receivers {
  readonly #o: ReceiversOptions;
  readonly #all: Receiver[] = [];
  readonly #clock: () => number;
  /** Those that were told before this start; null: it is not known who. */
  readonly #before: KnownReceivers | null;

  private constructor(options: ReceiversOptions) {
    this.#o = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#before = options.journal.kept.receivers;
  }

  static async open(configs: readonly ReceiverConfig[], options: ReceiversOptions): Promise<Receivers> {
    const receivers = new Receivers(options);
    for (const config of configs) receivers.#all.push(await receivers.#receiver(config));
    return receivers;
  }

  get status(): MailboxStatus[] {
    return this.#all.map(({ told: { status }, limit, rules }) => ({
      ...status,
      merged: status.merged + limit.untold + rules.merged,
    }));
  }

  /** Who is told from now on, as it is written down. */
  get known(): KnownReceivers {
    return Object.fromEntries(this.#all.map(({ config }) => [config.name, knownReceiver(config)]));
  }

  /** Those that want an alert which was told before they were there. */
  newFor(alert: Alert): string[] {
    if (this.#before === null) return [];
    const isNew = ({ config, isFor }: Receiver) => {
      const had = this.#before![config.name];
      const same = had !== undefined && had.target === knownReceiver(config).target;
      return isFor(alert) && !(same && isForOf(had.only)(alert));
    };
    return this.#all.filter(isNew).map(({ config }) => config.name);
  }

  has(name: string): boolean {
    return this.#all.some(({ config }) => config.name === name);
  }

  /** A message of this change waits for it. */
  isWaiting(name: string, { fingerprint, change }: Alert): boolean {
    for (const { receiver, alerts } of this.#o.journal.kept.queued.values()) {
      if (receiver !== name) continue;
      if (alerts.some((one) => one.fingerprint === fingerprint && one.change === change)) return true;
    }
    return false;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all.map(({ told }) => told.run(signal)));
  }

  /** The messages of these changes, one a receiver and rule: to be written down, then delivered; `done` need not be told. */
  letters(told: readonly Telling[], at: number): { letters: Letter[]; done: number[] } {
    const letters: Letter[] = [];
    const done: number[] = [];
    for (const receiver of this.#all) {
      const { name } = receiver.config;
      const wanted = told.filter(({ alert, to }) => to(name) && receiver.isFor(alert)).map(({ alert }) => alert);
      const made = (rule: string, alerts: readonly Alert[]) => ({
        id: this.#o.next(),
        receiver: name,
        rule,
        at,
        alerts,
      });
      for (const [rule, mine] of Map.groupBy(wanted, (alert) => alert.rule)) {
        // What fires is told to an Alertmanager as it is; only what ended has to be kept for it.
        const level = receiver.told instanceof Alertmanager;
        const now = level
          ? mine.filter(({ action }) => action === 'resolved')
          : mine.flatMap((alert) => {
              const { told, overtakes, waits } = receiver.limit.take(alert, this.#clock());
              if (overtakes !== null) done.push(overtakes);
              if (waits) {
                const notification = made(rule, [alert]);
                receiver.limit.wait(notification);
                letters.push({ receiver, notification, waits });
              }
              return told ?? [];
            });
        if (now.length === 0) continue;
        if (level) letters.push({ receiver, notification: made(rule, now), waits: false });
        else {
          const limited = receiver.rules.take(made(rule, now), this.#clock());
          done.push(...limited.done);
          if (limited.notification)
            letters.push({ receiver, notification: limited.notification, waits: limited.waits });
        }
      }
    }
    return { letters, done };
  }

  deliver(letters: readonly Letter[], told: readonly Telling[]): void {
    for (const { receiver, notification, waits } of letters) {
      if (receiver.told instanceof Mailbox && !waits) receiver.told.put(notification);
    }
    const now = this.#clock();
    for (const { alert, to } of told) {
      for (const { config, reminded } of this.#all) {
        if (alert.action === 'resolved') reminded.delete(alert.fingerprint);
        else if (to(config.name)) reminded.set(alert.fingerprint, now);
      }
    }
    this.kick();
  }

  /** Tells what flapped, and of rules of which there was much to tell, where there is room for it again. */
  tellLate(): void {
    const { journal } = this.#o;
    for (const { told, limit, rules, config } of this.#all) {
      if (!(told instanceof Mailbox)) continue;
      const now = this.#clock();
      for (const [rule, messages] of Map.groupBy(limit.due(now), (one) => one.rule)) {
        const alerts = messages.flatMap((one) => one.alerts);
        const made = { id: this.#o.next(), receiver: config.name, rule, at: Date.now(), alerts };
        const { notification, waits, done } = rules.take(made, now);
        const all = [...messages.map(({ id }) => id), ...done];
        void journal.take({ change: made.id, queued: notification ? [notification] : [], done: all });
        if (notification && !waits) told.put(notification);
      }
      for (const notification of rules.due(now)) told.put(notification);
    }
  }

  /** What is so has changed. */
  kick(): void {
    for (const { told } of this.#all) if (told instanceof Alertmanager) told.kick();
  }

  /** Tells again what still fires, who wants to be reminded of it. */
  remind(): void {
    const now = this.#clock();
    for (const receiver of this.#all) {
      const { config, told, reminded } = receiver;
      if (config.remind === undefined || !(told instanceof Mailbox)) continue;
      const due: Alert[] = [];
      for (const alert of this.#o.firing(config.name)) {
        if (!receiver.isFor(alert) || this.#o.isSilenced(alert)) continue;
        const last = reminded.get(alert.fingerprint) ?? now;
        if (now - last >= config.remind) due.push({ ...alert, begins: false });
        reminded.set(alert.fingerprint, now - last >= config.remind ? now : last);
      }
      for (const [rule, alerts] of Map.groupBy(due, (alert) => alert.rule)) {
        const about = { receiver: config.name, rule, at: Date.now(), reminder: true };
        const notification = { id: this.#o.next(), ...about, alerts };
        void this.#o.journal.take({ change: notification.id, queued: [notification] });
        told.put(notification);
      }
    }
  }

  /** What ended long ago, has ended again since or fires again need not be told to an Alertmanager any more. */
  forget(): void {
    const { journal } = this.#o;
    const before = Date.now() - RESOLVED_MS;
    const levels = this.#all.filter(({ told }) => told instanceof Alertmanager).map(({ config }) => config.name);
    const all = [...journal.kept.queued.values()].filter(({ receiver }) => levels.includes(receiver)).reverse();
    if (all.length === 0) return;
    const done: number[] = [];
    const queued: Notification[] = [];
    for (const { config, told, isFor } of this.#all) {
      if (!(told instanceof Alertmanager)) continue;
      const later = new Set<string>();
      for (const alert of this.#o.firing(config.name)) if (isFor(alert)) later.add(alert.fingerprint);
      for (const one of all) {
        if (one.receiver !== config.name) continue;
        const alerts = one.at < before ? [] : one.alerts.filter(({ fingerprint }) => !later.has(fingerprint));
        for (const { fingerprint } of alerts) later.add(fingerprint);
        if (alerts.length === 0) done.push(one.id);
        else if (alerts.length <= one.alerts.length / 2) queued.push({ ...one, alerts });
      }
    }
    if (done.length + queued.length > 0) void journal.take({ done, queued }, { sync: false });
  }

  /** Tells a receiver of an alert that is none; null: there is no such receiver. */
  async test(name: string, signal: AbortSignal): Promise<Delivered | null> {
    const receiver = this.#all.find(({ config }) => config.name === name);
    if (!receiver) return null;
    const alert = testAlert(this.#o.host);
    const channel = await channelOf(receiver.config);
    if (!channel) return (receiver.told as Alertmanager).test(alert, signal);
    return channel.tell({ id: 0, receiver: name, rule: alert.rule, at: alert.start, alerts: [alert] }, signal);
  }

  async #receiver(config: ReceiverConfig): Promise<Receiver> {
    const { name } = config;
    const { journal } = this.#o;
    const isFor = isForOf(config.only);
    const channel = await channelOf(config);
    const waiting = () => [...journal.kept.queued.values()].filter(({ receiver }) => receiver === name);
    const told = channel
      ? new Mailbox({
          name,
          channel,
          waiting: waiting(),
          done: (ids) => void journal.take({ done: ids }, { sync: false }),
          replaced: (done, queued) => void journal.take({ done, queued }, { sync: false }),
        })
      : new Alertmanager({
          name,
          urls: config.alertmanager!,
          resend: config.resend,
          timeout: config.timeout,
          alerts: () => this.#levelOf(name, isFor, waiting()),
        });
    return { config, isFor, told, reminded: new Map(), limit: new FlapLimit(), rules: new RuleLimit() };
  }

  /** What fires and is told, and what ended lately and does not fire again. */
  #levelOf(name: string, isFor: (alert: Alert) => boolean, ended: readonly Notification[]): Alert[] {
    const all = new Map<string, Alert>();
    for (const alert of ended.flatMap(({ alerts }) => alerts)) all.set(alert.fingerprint, alert);
    for (const alert of this.#o.firing(name)) if (isFor(alert)) all.set(alert.fingerprint, alert);
    return [...all.values()];
  }
}

function testAlert(host: string): Alert {
  const at = Date.now();
  return {
    rule: 'runnel-test',
    ruleset: 'alerts',
    action: 'firing',
    fingerprint: '0000000000000000',
    severity: 'info',
    labels: {},
    prometheus: { alertname: 'runnel-test', instance: host, severity: 'info' },
    host,
    summary: 'This is a test: nothing is wrong.',
    value: null,
    threshold: null,
    for_seconds: 0,
    start: at,
    end: at + 60_000,
    change: 0,
  };
}
