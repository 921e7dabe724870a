/** All receivers of a configuration: who is told of which alerts, what waits for whom, who is reminded. */
import { wildcards } from '../config/wildcards.ts';
import type { AlertJournal } from './journal.ts';
import type { Alert, Notification } from './notification.ts';
import { Alertmanager, RESOLVED_MS } from './notify/alertmanager.ts';
import { channelOf } from './notify/all.ts';
import type { Delivered } from './notify/channel.ts';
import { Mailbox, type MailboxStatus } from './notify/mailbox.ts';
import type { ReceiverConfig } from './receiver.ts';

interface Receiver {
  config: ReceiverConfig;
  isFor: (alert: Alert) => boolean;
  told: Mailbox | Alertmanager;
  /** By fingerprint: when it was told last, on the monotonic clock. */
  reminded: Map<string, number>;
}

/** A message, and who it is for. */
interface Letter {
  receiver: Receiver;
  notification: Notification;
}

export interface ReceiversOptions {
  journal: AlertJournal;
  /** What fires now and is not silenced. */
  firing(): Iterable<Alert>;
  /** The next number of a message. */
  next(): number;
  host: string;
}

export class Receivers {
  readonly #o: ReceiversOptions;
  readonly #all: Receiver[] = [];

  private constructor(options: ReceiversOptions) {
    this.#o = options;
  }

  static async open(configs: readonly ReceiverConfig[], options: ReceiversOptions): Promise<Receivers> {
    const receivers = new Receivers(options);
    for (const config of configs) receivers.#all.push(await receivers.#receiver(config));
    return receivers;
  }

  get status(): MailboxStatus[] {
    return this.#all.map(({ told }) => told.status);
  }

  has(name: string): boolean {
    return this.#all.some(({ config }) => config.name === name);
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all.map(({ told }) => told.run(signal)));
  }

  /** The messages of these changes, one a receiver and rule: to be written down, then delivered. */
  letters(alerts: readonly Alert[], at: number): Letter[] {
    const letters: Letter[] = [];
    for (const receiver of this.#all) {
      const { name } = receiver.config;
      for (const [rule, mine] of Map.groupBy(alerts.filter(receiver.isFor), (alert) => alert.rule)) {
        // What fires is told to an Alertmanager as it is; only what ended has to be kept for it.
        const level = receiver.told instanceof Alertmanager;
        const kept = level ? mine.filter(({ action }) => action === 'resolved') : mine;
        if (kept.length === 0) continue;
        letters.push({ receiver, notification: { id: this.#o.next(), receiver: name, rule, at, alerts: kept } });
      }
    }
    return letters;
  }

  deliver(letters: readonly Letter[], alerts: readonly Alert[]): void {
    for (const { receiver, notification } of letters) {
      if (receiver.told instanceof Mailbox) receiver.told.put(notification);
    }
    const now = performance.now();
    for (const { fingerprint, action } of alerts) {
      for (const { reminded } of this.#all) {
        if (action === 'resolved') reminded.delete(fingerprint);
        else reminded.set(fingerprint, now);
      }
    }
    this.kick();
  }

  /** What is so has changed. */
  kick(): void {
    for (const { told } of this.#all) if (told instanceof Alertmanager) told.kick();
  }

  /** Tells again what still fires, who wants to be reminded of it. */
  remind(): void {
    const now = performance.now();
    for (const receiver of this.#all) {
      const { config, told, reminded } = receiver;
      if (config.remind === undefined || !(told instanceof Mailbox)) continue;
      const due: Alert[] = [];
      for (const alert of this.#o.firing()) {
        if (!receiver.isFor(alert)) continue;
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
    const all = [...journal.kept.queued.values()].reverse();
    const done: number[] = [];
    const queued: Notification[] = [];
    for (const { config, told, isFor } of this.#all) {
      if (!(told instanceof Alertmanager)) continue;
      const later = new Set<string>();
      for (const alert of this.#o.firing()) if (isFor(alert)) later.add(alert.fingerprint);
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
    const only = Object.entries(config.only).map(([subject, value]) => [subject, wildcards([value])] as const);
    const isFor = (alert: Alert) => only.every(([subject, fits]) => fits(subjectOf(alert, subject)));
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
          alerts: () => this.#levelOf(isFor, waiting()),
        });
    return { config, isFor, told, reminded: new Map() };
  }

  /** What fires and is told, and what ended lately and does not fire again. */
  #levelOf(isFor: (alert: Alert) => boolean, ended: readonly Notification[]): Alert[] {
    const all = new Map<string, Alert>();
    for (const alert of ended.flatMap(({ alerts }) => alerts)) all.set(alert.fingerprint, alert);
    for (const alert of this.#o.firing()) if (isFor(alert)) all.set(alert.fingerprint, alert);
    return [...all.values()];
  }
}

function subjectOf({ rule, severity, labels }: Alert, name: string): string {
  if (name === 'rule') return rule;
  return name === 'severity' ? severity : (labels[name] ?? '');
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
