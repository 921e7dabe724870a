/**
 * `module`: a function in JavaScript or TypeScript. All of them run in one process (module-host.ts), which is started when
 * the first runs and ended at a deadline, as nothing else ends a loop, or when it takes too much memory.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { aborted } from '../../core/abort.ts';
import { goesFirst, memoryOf } from '../../native/processes.ts';
import type { CustomCheck, Verdict } from './custom.ts';
import type { ModuleRan, RunModule } from './module-messages.ts';
import { observe } from './observations.ts';
import type { CustomCheckConfig } from './options.ts';
import { isStripping } from './stripping.ts';

const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './module-host.ts' : './module-host.js', import.meta.url);
/** Of all modules together; looked at while one runs. */
const MOST_MEMORY = 256 << 20;
const LOOK_MS = 250;

interface Waiting {
  resolve: (ran: ModuleRan) => void;
  reject: (error: Error) => void;
}

class ModuleProcess {
  #child: ChildProcess | null = null;
  #number = 0;
  readonly #waiting = new Map<number, Waiting>();
  #look: NodeJS.Timeout | undefined;

  run(order: Omit<RunModule, 'id'>, signal: AbortSignal): Promise<ModuleRan> {
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
    child.send({ ...order, id } satisfies RunModule, (error) => {
      if (error) ran.reject(error);
    });
    this.#look ??= setInterval(() => this.#weigh(), LOOK_MS);
    return ran.promise.finally(() => {
      this.#waiting.delete(id);
      if (this.#waiting.size > 0) return;
      clearInterval(this.#look);
      this.#look = undefined;
    });
  }

  close(): void {
    this.#end('the agent is ending');
  }

  #start(): ChildProcess {
    const cache = getCompileCacheDir();
    const { NOTIFY_SOCKET: _, WATCHDOG_USEC: __, NODE_OPTIONS: ___, ...env } = process.env;
    const child = fork(PROGRAM, [], {
      cwd: '/',
      env: cache === undefined ? env : { ...env, NODE_COMPILE_CACHE: cache },
      execArgv: ['--no-warnings', `--max-old-space-size=${MOST_MEMORY >> 21}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child = child;
    goesFirst(child.pid);
    child.on('message', (ran: ModuleRan) => this.#waiting.get(ran.id)?.resolve(ran));
    child.on('error', (error) => this.#gone(child, error.message));
    child.on('exit', (code, ended) =>
      this.#gone(child, `the process of the modules ended: ${ended ?? `exit code ${code}`}`),
    );
    process.once('exit', this.#kill);
    child.unref();
    child.channel?.unref();
    return child;
  }

  readonly #kill = () => void this.#child?.kill('SIGKILL');

  #end(why: string): void {
    const child = this.#child;
    if (!child) return;
    this.#gone(child, why);
    child.kill('SIGKILL');
  }

  #gone(child: ChildProcess, why: string): void {
    if (this.#child !== child) return;
    this.#child = null;
    process.off('exit', this.#kill);
    for (const { reject } of this.#waiting.values()) reject(new Error(why));
  }

  #weigh(): void {
    const memory = memoryOf(this.#child?.pid);
    if (memory > MOST_MEMORY) this.#end(`the process of the modules took more than ${MOST_MEMORY >> 20} MiB of memory`);
  }
}

const modules = new ModuleProcess();
let open = 0;

export function moduleCheck(config: CustomCheckConfig): CustomCheck {
  const { path, options = {}, max_series: most, timeout } = config;
  open++;
  return {
    async run(to, signal): Promise<Verdict> {
      if (/\.[cm]?ts$/.test(path!) && !isStripping()) throw new Error(`${path}: TypeScript needs Node 22.18 or newer`);
      const ran = await modules.run({ path: path!, options, most, timeout }, signal);
      const histograms = observe(to);
      for (const [how, name, value, attributes, unit] of ran.measurements) {
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
