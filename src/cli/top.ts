/**
 * `runnel top`: the status, live. At a terminal it has a screen (top-screen.ts). Elsewhere it prints plain frames, or with
 * `--json` a status a line. An agent that stops answering is waited for.
 */

import type { AgentAddress } from '../admin/client.ts';
import { pause } from '../core/abort.ts';
import { LastMinute } from '../report/last-minute.ts';
import { printable } from '../report/render.ts';
import type { Status } from '../report/shape.ts';
import { frame, inputsIn } from '../report/top.ts';
import { printJson } from './output.ts';
import { type AgentChoice, silence, statusText, targetsFor } from './status.ts';
import { TopScreen, type TopView } from './top-screen.ts';

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000 };
const SHORTEST_MS = 100;
/** So many files of an input are asked for: of fewer, those that come and go would have no rate. */
const FILES_ASKED = 200;
/** So many are named where there is no screen to fill. */
const FILES_PRINTED = 10;

export interface TopOptions extends AgentChoice {
  interval: string;
  count?: string;
  json?: boolean;
}

/** Resolves to the exit code: 1 when no agent answers, 2 for wrong usage. */
export async function top(options: TopOptions): Promise<number> {
  const interval = milliseconds(options.interval);
  if (interval === null || interval < SHORTEST_MS) {
    return failed(`--interval is a duration of at least ${SHORTEST_MS}ms, for example 1s, not ${options.interval}`, 2);
  }
  if (options.count !== undefined && !/^[1-9]\d{0,8}$/.test(options.count)) {
    return failed(`--count is a number, not ${options.count}`, 2);
  }
  const targets = await targetsFor(options);
  if (targets === null) return 2;
  let first: Status;
  try {
    first = await ask(targets);
  } catch (error) {
    return failed(silence(error, options));
  }
  const stop = new AbortController();
  const end = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  const screen = process.stdout.isTTY && process.env.TERM !== 'dumb' && !options.json;
  const view = screen ? new TopScreen(targets, end) : new PrintedView(options.json ?? false);
  try {
    await watch(
      first,
      targets,
      view,
      { interval, count: Number(options.count ?? Number.POSITIVE_INFINITY) },
      stop.signal,
    );
  } finally {
    view.close();
  }
  return 0;
}

async function watch(
  first: Status,
  targets: readonly AgentAddress[],
  view: TopView,
  { interval, count }: { interval: number; count: number },
  signal: AbortSignal,
): Promise<void> {
  let before: Status | null = null;
  let now = first;
  view.show(now, before, null);
  for (let shown = 1; shown < count; shown++) {
    if (!(await pause(interval, signal))) return;
    let notice: string | null = null;
    try {
      const next = await ask(targets);
      before = now;
      now = next;
    } catch (error) {
      notice = `${(error as Error).message}; what is below is of ${now.time}`;
    }
    if (signal.aborted) return;
    view.show(now, before, notice);
  }
}

async function ask(targets: readonly AgentAddress[]): Promise<Status> {
  return JSON.parse(await statusText(targets, FILES_ASKED)) as Status;
}

class PrintedView implements TopView {
  readonly #json: boolean;
  readonly #recent = new LastMinute();

  constructor(json: boolean) {
    this.#json = json;
  }

  show(now: Status, before: Status | null, notice: string | null): void {
    if (notice !== null) process.stderr.write(`runnel: ${printable(notice)}\n`);
    else if (this.#json) printJson(`${JSON.stringify(now)}\n`);
    else {
      const screen = { width: Number.POSITIVE_INFINITY, height: Number.POSITIVE_INFINITY };
      const few = { ...now, logs: now.logs.map((l) => ({ ...l, files: l.files.slice(0, FILES_PRINTED) })) };
      this.#recent.see(now, inputsIn(now));
      const lines = frame(few, before, screen, { recent: this.#recent }).map(({ text }) => `${text}\n`);
      process.stdout.write(`${lines.join('')}\n`);
    }
  }

  close(): void {}
}

function milliseconds(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text);
  return match ? Number(match[1]) * UNITS[match[2]!]! : null;
}

function failed(message: string, code = 1): number {
  process.stderr.write(`runnel: ${printable(message)}\n`);
  return code;
}
