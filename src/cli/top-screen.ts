/**
 * `runnel top` at a terminal: it takes the alternate screen, follows its size and gives everything back when it ends (q,
 * Ctrl-C, a signal, an error). A file that is chosen with Enter is tapped on the same screen, until q or Esc.
 */
import type { AgentAddress } from '../admin/client.ts';
import { aborted } from '../core/abort.ts';
import { fitEnd } from '../report/columns.ts';
import { LastMinute } from '../report/last-minute.ts';
import { printable } from '../report/render.ts';
import type { Status } from '../report/shape.ts';
import { filesIn, frame, inputsIn, type Line } from '../report/top.ts';
import { type TopAsked, TopState } from '../report/top-state.ts';
import { tapped, valueText } from './tap.ts';

/** The alternate screen, no cursor, no wrapping; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const CLEAR = '\x1b[H\x1b[2J';
const TONES: Record<Line['tone'], string> = { plain: '', head: '\x1b[7m', bad: '\x1b[31m', chosen: '\x1b[1m' };

/** Where statuses are shown, one after the other. */
export interface TopView {
  show(now: Status, before: Status | null, notice: string | null): void;
  close(): void;
}

export class TopScreen implements TopView {
  readonly #colors = !process.env.NO_COLOR;
  readonly #targets: readonly AgentAddress[];
  readonly #quit: () => void;
  readonly #state = new TopState();
  readonly #recent = new LastMinute();
  #last: [Status, Status | null, string | null] | null = null;
  #open = false;
  /** While a file is tapped. */
  #tap: AbortController | null = null;

  constructor(targets: readonly AgentAddress[], quit: () => void) {
    this.#targets = targets;
    this.#quit = quit;
    process.on('exit', this.#leave);
    process.on('SIGCONT', this.#enter);
    process.stdout.on('resize', this.#draw);
    process.stdin.on('data', this.#onKeys);
    this.#enter();
  }

  show(now: Status, before: Status | null, notice: string | null): void {
    if (now !== this.#last?.[0]) this.#recent.see(now, inputsIn(now));
    this.#last = [now, before, notice];
    this.#draw();
  }

  close(): void {
    this.#tap?.abort();
    process.off('exit', this.#leave);
    process.off('SIGCONT', this.#enter);
    process.stdout.off('resize', this.#draw);
    process.stdin.off('data', this.#onKeys);
    this.#leave();
    process.stdin.pause();
  }

  readonly #enter = (): void => {
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.resume();
    }
    if (!this.#open) process.stdout.write(ENTER);
    this.#open = true;
    this.#draw();
  };

  readonly #leave = (): void => {
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    if (this.#open) process.stdout.write(LEAVE);
    this.#open = false;
  };

  /** A terminal that does not know its size says 0. */
  get #size(): { width: number; height: number } {
    return { width: process.stdout.columns || 80, height: process.stdout.rows || 24 };
  }

  readonly #draw = (): void => {
    if (!this.#last || !this.#open || this.#tap) return;
    const screen = this.#size;
    const [now, before, notice] = this.#last;
    const looking = { notice, recent: this.#recent, state: this.#state };
    const lines = frame(now, before, screen, looking).map((line) => `\x1b[K${this.#styled(line)}`);
    const rest = lines.length < screen.height ? '\r\n\x1b[J' : '';
    // A line is emptied first: behind a full one the cursor stands on its last character.
    process.stdout.write(`\x1b[H${lines.join('\r\n')}${rest}`);
  };

  #styled({ text, tone }: Line): string {
    const style = this.#colors ? TONES[tone] : '';
    return `${style}${text}${style && '\x1b[0m'}`;
  }

  readonly #onKeys = (bytes: Buffer): void => {
    const keys = bytes.toString();
    if (this.#tap) {
      if (keys.includes('\x03')) this.#quit();
      else if (/^\x1b$|[qQ\r]/.test(keys)) this.#tap.abort();
      return;
    }
    const [now, before] = this.#last ?? [];
    const files = now ? filesIn(now, before ?? null, this.#state) : [];
    this.#do(
      this.#state.press(
        keys,
        files.map(({ path }) => path),
      ),
    );
    this.#draw();
  };

  #do(asked: TopAsked): void {
    if (asked === 'quit') this.#quit();
    else if (asked === 'suspend') {
      this.#leave();
      process.kill(process.pid, 'SIGSTOP');
    } else if (asked) void this.#follow(asked.tap);
  }

  /** Shows the records of a file, a line each, until somebody has seen enough. Never rejects. */
  async #follow(path: string): Promise<void> {
    const tap = new AbortController();
    this.#tap = tap;
    const say = (text: string, tone: Line['tone'] = 'plain') => {
      if (this.#open)
        process.stdout.write(`${this.#styled({ text: fitEnd(printable(text), this.#size.width), tone })}\r\n`);
    };
    process.stdout.write(CLEAR);
    say(`${path}: q or Esc goes back`, 'head');
    try {
      // Records are on the socket alone; who asks an address is told so.
      for await (const { said } of tapped(this.#targets, path, tap.signal)) {
        if (tap.signal.aborted) break;
        if ('skipped' in said) say(`skipped ${said.skipped} records: more than can be shown`, 'bad');
        else if ('unmatched' in said) say(`nothing of it was sent in ${said.unmatched.seconds} s: listening goes on`);
        // What matches may be of a file whose name has this one in it.
        else if (said.source === path) say(valueText(said));
      }
      if (!tap.signal.aborted) say('the agent has stopped', 'bad');
    } catch (error) {
      if (!tap.signal.aborted) say((error as Error).message, 'bad');
    }
    await aborted(tap.signal);
    this.#tap = null;
    if (this.#open) process.stdout.write(CLEAR);
    this.#draw();
  }
}
