/**
 * `module`: a function in JavaScript or TypeScript. All of them run in one process (module-host.ts), which is started when
 * the first runs and ended at a deadline, as nothing else ends a loop, or when it takes too much memory.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { aborted } from '../../core/abort.ts';
import { endGroup, guardGroup } from '../../native/groups.ts';
import { adoptOrphans, endMarked, newMark } from '../../native/orphans.ts';
import { goesFirst, memoryOf } from '../../native/processes.ts';
import type { CustomCheck, Verdict } from './custom.ts';
import { isRan, type ModuleRan, monotonic, type RunModule } from './module-messages.ts';
import { observe } from './observations.ts';
import type { CustomCheckConfig } from './options.ts';
import { wellFormed } from './output.ts';
import { needRunnable } from './runnable.ts';
import { isStripping } from './stripping.ts';

const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './module-host.ts' : './module-host.js', import.meta.url);
/** Of all modules together. */
const MOST_MEMORY = 256 << 20;
const LOOK_MS = 250;

interface Waiting {
  resolve: (ran: ModuleRan) => void;
  reject: (error: Error) => void;
}

/** Whose fault that was is not known. */
class Ended extends Error {}

/** Of its time: then the module's signal aborts, and it may end by itself. */
const OWN_TIME = 0.9;

class ModuleProcess {
  #child: ChildProcess | null = null;
  #mark = '';
  #number = 0;
  readonly #waiting = new Map<number, Waiting>();
  #look: NodeJS.Timeout | undefined;

  /** What runs by itself, since the process was ended for others. */
  #turn: Promise<unknown> = Promise.resolve();

  /** Where another one ended the process it is asked once more, by itself: so the fault stays with whose it is. */
  async run(order: Omit<RunModule, 'id' | 'until'>, signal: AbortSignal, deadline_ms: number): Promise<ModuleRan> {
    const until = monotonic() + Math.round(deadline_ms * OWN_TIME);
    const ask = () => this.#ask({ ...order, until }, signal);
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Ended) || signal.aborted) throw error;
    }
    const again = this.#turn.then(ask);
    this.#turn = again.catch(() => undefined);
    return again;
  }

  #ask(order: Omit<RunModule, 'id'>, signal: AbortSignal): Promise<ModuleRan> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const child = this.#child ?? this.#start();
    const id = ++this.#number;
    const ran = Promise.withResolvers<ModuleRan>();
    this.#waiting.set(id, ran);
    const late = () => {
      ran.reject(signal.reason);
      // What goes on in it, or will never end, is nobody's.
      if (this.#waiting.delete(id))
        this.#end('the process of the modules was ended: another check had not ended in time');
    };
    aborted(signal).then(late);
    // One that could not be started has no way to it: `error` says why.
    child.send?.({ ...order, id } satisfies RunModule, (error) => {
      if (error) ran.reject(error);
    });
    return ran.promise.finally(() => this.#waiting.delete(id));
  }

  close(): void {
    this.#end('the agent is ending', Error);
  }

  #start(): ChildProcess {
    const cache = getCompileCacheDir();
    const { NOTIFY_SOCKET: _, WATCHDOG_USEC: __, NODE_OPTIONS: ___, ...env } = process.env;
    adoptOrphans();
    const { mark, env: marked } = newMark();
    this.#mark = mark;
    const child = fork(PROGRAM, [], {
      cwd: '/',
      detached: true,
      env: { ...env, ...marked, ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }) },
      execArgv: ['--no-warnings', `--max-old-space-size=${MOST_MEMORY >> 21}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    goesFirst(child.pid);
    guardGroup(child.pid);
    // Between runs, too, a module may do what it likes.
    this.#look = setInterval(() => this.#weigh(), LOOK_MS).unref();
    child.on('message', (said: unknown) => {
      if (isRan(said)) this.#waiting.get(said.id)?.resolve(said);
    });
    child.on('error', (error) => this.#gone(child, error.message));
    child.on('exit', (code, ended) =>
      this.#gone(child, `the process of the modules ended: ${ended ?? `exit code ${code}`}`),
    );
    process.once('exit', this.#kill);
    child.unref();
    child.channel?.unref();
    return child;
  }

  readonly #kill = () => endGroup(this.#child?.pid);

  #end(why: string, Reason: new (why: string) => Error = Ended): void {
    const child = this.#child;
    if (!child) return;
    this.#gone(child, why, Reason);
  }

  #gone(child: ChildProcess, why: string, Reason: new (why: string) => Error = Ended): void {
    if (this.#child !== child) return;
    this.#child = null;
    clearInterval(this.#look);
    // What it has started, too.
    endGroup(child.pid);
    endMarked(this.#mark);
    process.off('exit', this.#kill);
    for (const { reject } of this.#waiting.values()) reject(new Reason(why));
  }

  #weigh(): void {
    const memory = memoryOf(this.#child?.pid);
    if (memory > MOST_MEMORY) this.#end(`the process of the modules took more than ${MOST_MEMORY >> 20} MiB of memory`);
  }
}

const modules = new ModuleProcess();
let open = 0;

export function moduleCheck(config: CustomCheckConfig): CustomCheck {
  const { path, options = {}, max_series: most } = config;
  open++;
  return {
    async run(to, signal, deadline_ms): Promise<Verdict> {
      if (/\.[cm]?ts$/.test(path!) && !isStripping()) throw new Error(`${path}: TypeScript needs Node 22.18 or newer`);
      needRunnable(path!);
      const ran = await modules.run({ path: path!, options, most }, signal, deadline_ms);
      const histograms = observe(to);
      for (const [how, said, value, texts, measure] of ran.measurements) {
        const entries = Object.entries(texts).map(([key, text]) => [wellFormed(key), wellFormed(text)]);
        const [name, unit, attributes] = [wellFormed(said), wellFormed(measure), Object.fromEntries(entries)];
        if (how === 'histogram') histograms.add(name, value, attributes, unit);
        else to[how](name, value, attributes, unit);
      }
      histograms.end();
      to.truncated += ran.left;
      if (ran.error !== null) throw new Error(ran.error);
      return { state: ran.state, message: ran.message };
    },
    async close() {
      if (--open === 0) modules.close();
    },
  };
}
