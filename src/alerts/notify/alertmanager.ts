/**
 * Alertmanager (API v2), which is told what is so, not what changed: all that fires, every `resend`, to each of them, and for
 * a quarter of an hour what has ended. What it knows is in its memory only, so this also mends its restarts.
 *
 * Its times are those of its own clock, which its answers tell: by a clock that is an hour behind, an alert would have ended
 * before it began.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Bell } from '../../core/bell.ts';
import { log } from '../../log.ts';
import type { Alert } from '../notification.ts';
import type { Delivered } from './channel.ts';
import type { MailboxStatus } from './mailbox.ts';
import { post } from './post.ts';
import { annotationsOf } from './webhook.ts';

/** How long an alert that has ended is told, milliseconds. */
export const RESOLVED_MS = 15 * 60_000;
/** Of `resend`: it ends by itself where we are gone. */
const LASTS = 4;
const FIRST_MS = 1000;
const PATH = '/api/v2/alerts';

export interface AlertmanagerOptions {
  name: string;
  urls: readonly string[];
  /** Milliseconds. */
  resend: number;
  timeout: number;
  /** What fires now, and what ended lately. */
  alerts(): readonly Alert[];
}

export class Alertmanager {
  readonly #o: AlertmanagerOptions;
  readonly #peers: Peer[];

  constructor(options: AlertmanagerOptions) {
    this.#o = options;
    this.#peers = options.urls.map((url) => new Peer(url, options));
  }

  /** Something has changed: it is told at once. */
  kick(): void {
    for (const peer of this.#peers) peer.kick();
  }

  get status(): MailboxStatus {
    const failing = this.#peers.filter(({ error }) => error !== null);
    const error = failing.length === 0 ? null : failing.map((peer) => peer.error).join('; ');
    const waiting = this.#peers.every((peer) => peer.isBehind) ? Math.max(...this.#peers.map((peer) => peer.tried)) : 0;
    const delivered = this.#peers.reduce((sum, peer) => sum + peer.delivered, 0);
    return { name: this.#o.name, waiting, error, delivered, dropped: 0, merged: 0 };
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.run(signal)));
  }

  /** Tells all of them of one alert. */
  async test(alert: Alert, signal: AbortSignal): Promise<Delivered> {
    const failed = (await Promise.all(this.#peers.map((peer) => peer.test(alert, signal)))).filter(
      (one) => one !== null,
    );
    return failed.length === 0 ? { done: true } : { done: false, error: failed.join('; ') };
  }
}

class Peer {
  readonly #url: string;
  readonly #o: AlertmanagerOptions;
  readonly #bell = new Bell();
  #kicked = true;
  /** What to add to our time, milliseconds; null: not known. */
  #skew: number | null = null;
  error: string | null = null;
  delivered = 0;
  /** Alerts that it was told last, or was to be: to make them anew takes long where there are many. */
  tried = 0;

  constructor(url: string, options: AlertmanagerOptions) {
    this.#url = url.replace(/\/+$/, '') + PATH;
    this.#o = options;
  }

  kick(): void {
    this.#kicked = true;
    this.#bell.ring();
  }

  get isBehind(): boolean {
    return this.#kicked;
  }

  async run(signal: AbortSignal): Promise<void> {
    let pause = FIRST_MS;
    while (!signal.aborted) {
      if (!this.#kicked) await this.#bell.heard(signal, this.#o.resend);
      if (signal.aborted) return;
      this.#kicked = false;
      if (await this.#tell(signal)) {
        pause = FIRST_MS;
        continue;
      }
      this.#kicked = true;
      await sleep(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, this.#o.resend);
    }
  }

  /** Why it could not be told; null: it was. */
  async test(alert: Alert, signal: AbortSignal): Promise<string | null> {
    try {
      await this.#post([this.#written(alert)], signal);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  async #tell(signal: AbortSignal): Promise<boolean> {
    try {
      const alerts = this.#o.alerts();
      this.tried = alerts.length;
      if (this.#skew === null) await this.#post([], signal);
      if (alerts.length > 0)
        await this.#post(
          alerts.map((alert) => this.#written(alert)),
          signal,
        );
      if (alerts.length > 0) this.delivered++;
      this.error = null;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      this.error = (error as Error).message;
      log.warnOnce(`alerts ${this.#o.name} ${this.#url}`, `alerts: ${this.#o.name}: ${this.error}; it is tried again`);
      return false;
    }
  }

  async #post(alerts: readonly object[], signal: AbortSignal): Promise<void> {
    const { code, body, date } = await post(
      this.#url,
      JSON.stringify(alerts),
      {},
      { timeout: this.#o.timeout, signal },
    );
    // A second is what the header is exact to.
    if (date !== null) this.#skew = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
    if (code >= 200 && code < 300) {
      this.#skew ??= 0;
      return;
    }
    const said = body
      .trim()
      .slice(0, 200)
      .replace(/[\x00-\x1f\x7f]+/g, ' ');
    throw new Error(`${new URL(this.#url).host} answers ${code}${said === '' ? '' : `: ${said}`}`);
  }

  #written(alert: Alert): object {
    const skew = this.#skew ?? 0;
    const time = (ms: number) => new Date(ms + skew).toISOString();
    const end = alert.end ?? Date.now() + this.#o.resend * LASTS;
    // It may not end before it began, whatever our clock did between.
    const start = Math.min(alert.start, end - 1);
    return { labels: alert.prometheus, annotations: annotationsOf(alert), startsAt: time(start), endsAt: time(end) };
  }
}
