/**
 * What systemd is told of a process that it has started (sd_notify(3)): that it is ready, when its event loop turns, what is
 * wrong meanwhile (`systemctl status` shows it), that it reads its configuration again, that it stops. Nothing of it may
 * end the process: where systemd cannot be reached that is said, once.
 */
import { log } from '../log.ts';
import { sdNotify } from '../native/sockets.ts';

/** How often it is told what is wrong where no watchdog sets the pace. */
const STATUS_EVERY_MS = 20_000;
/** `systemctl status` shows one line. */
const STATUS_LENGTH = 300;

/**
 * That it is ready; from then on what is wrong, and three times in the time after which systemd would end a silent process
 * that the event loop turns.
 */
export function announceReady(reasons: () => readonly string[]): void {
  if (!process.env.NOTIFY_SOCKET) return;
  const watchdog_ms = watchdogLimit();
  let shown = '';
  const tell = (...first: string[]) => {
    const status = systemdStatus(reasons());
    const lines = status === shown ? first : [...first, `STATUS=${status}`];
    shown = status;
    if (lines.length > 0) notify(...lines);
  };
  tell('READY=1');
  const beat = watchdog_ms ? ['WATCHDOG=1'] : [];
  setInterval(() => tell(...beat), watchdog_ms ? watchdog_ms / 3 : STATUS_EVERY_MS).unref();
}

/** That it begins to read its configuration again, or has. With the time, as units of Type=notify-reload ask for. */
export function announceReload(reloading: boolean): void {
  if (reloading) notify('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  else notify('READY=1');
}

export function announceStop(): void {
  notify('STOPPING=1');
}

/** Milliseconds; null where there is no watchdog, or it watches another process. */
function watchdogLimit(): number | null {
  const { WATCHDOG_USEC, WATCHDOG_PID } = process.env;
  const limit_ms = Number(WATCHDOG_USEC ?? 0) / 1000;
  const isOurs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  return limit_ms > 0 && isOurs ? limit_ms : null;
}

/** One line. A reason may hold what a stranger has named, and a line of its own would be a message of its own. */
export function systemdStatus(reasons: readonly string[]): string {
  const [first = 'ready', ...others] = reasons.map((reason) => reason.replaceAll(/\p{Cc}+/gu, ' '));
  const rest = others.length > 0 ? `; and ${others.length} more: runnel status` : '';
  return first.slice(0, STATUS_LENGTH).toWellFormed() + rest;
}

function notify(...lines: string[]): void {
  try {
    sdNotify(lines.join('\n'));
  } catch (error) {
    log.warnOnce('systemd', `cannot tell systemd how the process is: ${(error as Error).message}`);
  }
}
