/**
 * How often one receiver is told of one alert: at most MOST_AN_HOUR times in any hour, however it flaps.
 *
 *   told     F R F R F R F R F . . . . . . R       the ninth and what comes later: the end waits, until an hour has room
 *   is       F R F R F R F R F R F R F R F R       for it and for one more beginning
 *
 * That it fires is told at once, always: there is room for it wherever its end was told. What waits is the latest; what is
 * overtaken meanwhile is counted, and said with the next one.
 */
import type { Alert, Notification } from '../notification.ts';

export const MOST_AN_HOUR = 10;
const HOUR_MS = 3_600_000;
/** Alerts that are watched; those that were told of longest ago are forgotten. */
const MOST_WATCHED = 20_000;

interface Watched {
  /** When it was told of in the last hour, on the monotonic clock. */
  times: number[];
  last: Alert['action'];
  waiting: Notification | null;
  untold: number;
}

export class FlapLimit {
  readonly #watched = new Map<string, Watched>();
  #untold = 0;

  /** Changes that were not told. */
  get untold(): number {
    return this.#untold;
  }

  /** The alert as it is told now; null: it is not to be told now. `overtakes`: the number of a message that waited for it. */
  take(alert: Alert, now: number): { told: Alert | null; overtakes: number | null; waits: boolean } {
    const one = this.#of(alert.fingerprint);
    const overtakes = one.waiting?.id ?? null;
    one.waiting = null;
    // What is so again is what was told last: its end, which was not, has no meaning any more.
    const isTold = one.untold > 0 && alert.action === one.last;
    if (!isTold && hasRoom(one, alert, now)) return { told: this.#told(one, alert, now), overtakes, waits: false };
    one.untold++;
    this.#untold++;
    return { told: null, overtakes, waits: !isTold };
  }

  /** A message of one alert waits until there is room for it. */
  wait(notification: Notification): void {
    for (const { fingerprint } of notification.alerts) this.#of(fingerprint).waiting = notification;
  }

  /** What has waited long enough. */
  due(now: number): Notification[] {
    const due: Notification[] = [];
    for (const [fingerprint, one] of this.#watched) {
      const alert = one.waiting?.alerts[0];
      if (one.waiting && alert && hasRoom(one, alert, now)) {
        // It is told itself.
        one.untold--;
        this.#untold--;
        due.push({ ...one.waiting, alerts: [this.#told(one, alert, now)] });
        one.waiting = null;
      } else if (one.waiting === null && (one.times.at(-1) ?? 0) + HOUR_MS <= now) this.#watched.delete(fingerprint);
    }
    return due;
  }

  #told(one: Watched, alert: Alert, now: number): Alert {
    const { untold } = one;
    one.times.push(now);
    one.last = alert.action;
    one.untold = 0;
    const late = alert.action !== 'resolved' && one.times.length >= MOST_AN_HOUR - 1;
    return { ...alert, ...(untold > 0 && { untold }), ...(late && { flapping: true }) };
  }

  #of(fingerprint: string): Watched {
    const had = this.#watched.get(fingerprint);
    if (had) return had;
    for (const [oldest, { waiting }] of this.#watched) {
      if (this.#watched.size < MOST_WATCHED) break;
      if (waiting === null) this.#watched.delete(oldest);
    }
    const made: Watched = { times: [], last: 'resolved', waiting: null, untold: 0 };
    this.#watched.set(fingerprint, made);
    return made;
  }
}

/** The last place of an hour is for a beginning. */
function hasRoom(one: Watched, alert: Alert, now: number): boolean {
  one.times = one.times.filter((time) => time + HOUR_MS > now);
  const begins = one.last === 'resolved' && alert.action !== 'resolved';
  return one.times.length < (begins ? MOST_AN_HOUR : MOST_AN_HOUR - 1);
}
