/**
 * Runs a script: real files, a real tail source in a process that can be killed, and the model beside them.
 * A script says what happens, not when: what happens between two steps is the machine's, unless a step waits.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { PhysicalFile } from './content.ts';
import { Model, Violation } from './model.ts';
import { type Answer, MAX_LINE, type Request } from './protocol.ts';
import type { Step } from './script.ts';

const AGENT = fileURLToPath(new URL('./agent.ts', import.meta.url));
const NAMES = ['a', 'b', 'c', 'd'];
/** What is not seen by a hint is seen by the look at every file, every ten seconds. */
const LIMIT_MS = 25_000;
/** Where nobody writes to what has no name, it is let go soon. */
const SOON_MS = 200;

export interface Failure {
  /** Two scripts of one kind fail alike. */
  kind: string;
  what: string;
  /** The step after which it was seen. */
  step: number;
  log: string;
}

export interface Options {
  /** How long to wait for what must arrive. */
  limit_ms?: number;
  model?: typeof Model;
}

export interface Outcome {
  failure: Failure | null;
  records: number;
  /** The longest wait for what had to arrive, milliseconds. */
  slowest: number;
}

export async function run(script: readonly Step[], options: Options = {}): Promise<Outcome> {
  const runner = new Runner(script[0]?.do === 'world' ? script[0] : { do: 'world' }, options);
  let step = 0;
  try {
    for (; step < script.length; step++) {
      await runner.step(script[step]!);
      await setImmediate();
    }
    await runner.finish();
    return { failure: null, records: runner.records, slowest: runner.slowest };
  } catch (error) {
    const { message, stack } = error as Error;
    const known = error instanceof Violation;
    const failure = { kind: known ? error.kind : 'test', what: known ? message : stack!, step, log: runner.stderr };
    return { failure, records: runner.records, slowest: runner.slowest };
  } finally {
    await runner.close();
  }
}

interface Writer {
  fd: number;
  file: PhysicalFile;
}

class Runner {
  records = 0;
  slowest = 0;
  stderr = '';
  readonly #root = fs.mkdtempSync(join(tmpdir(), 'runnel-model-'));
  readonly #logs = join(this.#root, 'logs');
  readonly #away = join(this.#root, 'away');
  readonly #data = join(this.#root, 'data');
  readonly #log = join(this.#root, 'log');
  readonly #model: Model;
  readonly #world: Extract<Step, { do: 'world' }>;
  readonly #limit: number;
  readonly #header: string;
  /** By path: what is there. */
  readonly #files = new Map<string, PhysicalFile>();
  /** By name: who writes to it. */
  readonly #writers = new Map<string, Writer>();
  /** Writers of files that lost their name; the last one first. */
  #late: Writer[] = [];
  /** Paths of renamed files, the last one first. */
  #renamed: string[] = [];
  #outage = false;
  #child: ChildProcess;
  #spare: ChildProcess | null = null;
  #logFd: number;
  #logAt = 0;
  #torn = '';
  #numbers = 0;
  #turns = 0;

  constructor(world: Extract<Step, { do: 'world' }>, options: Options) {
    for (const dir of [this.#logs, this.#away, this.#data]) fs.mkdirSync(dir);
    this.#logFd = fs.openSync(this.#log, 'a+');
    this.#world = world;
    this.#limit = options.limit_ms ?? LIMIT_MS;
    this.#header = world.header ? `${'#'.padEnd(world.header - 1, 'version ')}\n` : '';
    this.#model = new (options.model ?? Model)(world.rotated ?? false, world.late ?? false, MAX_LINE);
    this.#child = this.#fork();
  }

  async step(step: Step): Promise<void> {
    if (this.#child.exitCode !== null) throw new Violation('agent', `the agent has ended with ${this.#child.exitCode}`);
    switch (step.do) {
      case 'world':
        return;
      case 'write':
        return this.#write(this.#writer(step.file), this.#lines(step.lines, step.size));
      case 'part':
        return this.#write(this.#writer(step.file), this.#lines(1, step.size).slice(0, -1));
      case 'late': {
        const writer = this.#late[step.nth];
        if (writer) this.#write(writer, this.#lines(step.lines, step.size));
        return;
      }
      case 'rename':
        return this.#rename(this.#live(step.file), step.to);
      case 'shift':
        return this.#shift(this.#live(step.file), step.keep);
      case 'discard':
        this.#rename(this.#live(step.file), 'away');
        return this.#remove(this.#renamed[0]);
      case 'copy':
        return this.#copy(step);
      case 'return':
        return this.#return(this.#renamed[step.nth], this.#live(step.file));
      case 'truncate':
        return this.#truncate(step.file, 0, step.caught_up);
      case 'shorten':
        return this.#truncate(step.file, step.percent, true);
      case 'overwrite':
        await this.#truncate(step.file, 0, step.caught_up);
        return this.#write(this.#writer(step.file), this.#lines(step.lines, step.size));
      case 'delete':
        if (step.caught_up && !(await this.#catchUp())) return;
        return this.#remove(this.#live(step.file));
      case 'start':
        if (!this.#model.running) await this.#start();
        return;
      case 'stop':
        if (this.#model.running) await this.#stop();
        return;
      case 'kill':
        return this.#kill();
      case 'outage':
      case 'back':
        this.#outage = step.do === 'outage';
        this.#child.send({ do: step.do } satisfies Request);
        return;
      case 'catch_up':
        await this.#catchUp();
        return;
      case 'sleep':
        await sleep(step.ms);
    }
  }

  /** Everything arrives; then there is nothing more to come. */
  async finish(): Promise<void> {
    await this.step({ do: 'back' });
    await this.step({ do: 'start' });
    await this.#catchUp();
    await this.#stop();
    await this.#start();
    await this.#catchUp();
    await sleep(50);
    await this.#stop();
    this.#model.checkCounts();
  }

  async close(): Promise<void> {
    for (const child of [this.#child, this.#spare]) if (child) await end(child);
    for (const { fd } of [...this.#writers.values(), ...this.#late]) fs.closeSync(fd);
    fs.closeSync(this.#logFd);
    fs.rmSync(this.#root, { recursive: true, force: true });
  }

  // The agent

  #fork(): ChildProcess {
    const child = fork(AGENT, [this.#log], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr = (this.stderr + text).slice(-8000)));
    return child;
  }

  async #ask(request: Request): Promise<Answer> {
    const child = this.#child;
    const answered = new AbortController();
    child.send(request);
    const either = ['message', 'exit'].map((event) => once(child, event, { signal: answered.signal }));
    const [answer] = (await Promise.race(either)) as [Answer];
    for (const wait of either) wait.catch(() => undefined);
    answered.abort();
    if (!Array.isArray(answer)) throw new Violation('agent', `the agent ended: ${this.stderr}`);
    this.#read();
    return answer;
  }

  async #start(): Promise<void> {
    const { settle_ms = 0, late, rotated } = this.#world;
    const include = join(this.#logs, rotated ? '*.log*' : '*.log');
    await this.#ask({ do: 'start', data: this.#data, include, settle_ms, rotate_wait: late ? 60_000 : SOON_MS });
  }

  async #stop(): Promise<void> {
    await this.#ask({ do: 'stop' });
  }

  async #kill(): Promise<void> {
    if (!this.#model.running) return;
    // Another one is ready when it is needed.
    this.#spare ??= this.#fork();
    await end(this.#child);
    this.#read();
    if (this.#torn !== '') fs.writeSync(this.#logFd, '\n');
    this.#logAt += this.#torn === '' ? 0 : 1;
    this.#torn = '';
    this.#model.killed();
    this.#child = this.#spare;
    this.#spare = null;
    if (this.#outage) this.#child.send({ do: 'outage' } satisfies Request);
  }

  /** Hears what the agent has said since. */
  #read(): void {
    const bytes = Buffer.allocUnsafe(1 << 20);
    for (let got = 1; got > 0; ) {
      got = fs.readSync(this.#logFd, bytes, 0, bytes.length, this.#logAt);
      this.#logAt += got;
      const lines = (this.#torn + bytes.toString('latin1', 0, got)).split('\n');
      this.#torn = lines.pop()!;
      for (const line of lines) {
        if (line.startsWith('R ')) this.records++;
        this.#model.told(line);
      }
    }
  }

  /** Waits until all that must arrive has arrived; false: nothing can arrive now. */
  async #catchUp(): Promise<boolean> {
    if (!this.#model.running || this.#outage) return false;
    const began = performance.now();
    for (;;) {
      this.#read();
      const missing = this.#model.missing();
      const waited = performance.now() - began;
      if (missing.length === 0) {
        this.slowest = Math.max(this.slowest, waited);
        break;
      }
      if (this.#child.exitCode !== null) throw new Violation('agent', `the agent ended: ${this.stderr}`);
      if (waited > this.#limit) throw new Violation('missing', `waited in vain: ${missing.slice(0, 5).join('; ')}`);
      await sleep(3);
    }
    this.#model.knows(await this.#ask({ do: 'files' }));
    return true;
  }

  // The files. What the agent said is heard before each change, and not again before the model knows of that.

  #live(file: number): string {
    return join(this.#logs, `${NAMES[file % NAMES.length]}.log`);
  }

  /** Who writes to the file; it is made if there is none. */
  #writer(file: number): Writer {
    const path = this.#live(file);
    let writer = this.#writers.get(path);
    if (!writer) {
      const fd = fs.openSync(path, 'a');
      let physical = this.#files.get(path);
      const isNew = !physical;
      physical ??= this.#model.created(path, fs.fstatSync(fd).ino);
      this.#files.set(path, physical);
      writer = { fd, file: physical };
      this.#writers.set(path, writer);
      if (isNew) this.#write(writer, this.#header);
    }
    return writer;
  }

  #write({ fd, file }: Writer, text: string): void {
    if (text === '') return;
    const bytes = Buffer.from(text, 'latin1');
    fs.writeSync(fd, bytes);
    this.#model.appended(file, bytes);
  }

  /** Lines that nobody has written before: their last bytes, too, tell them apart. */
  #lines(count: number, size: number): string {
    let text = '';
    for (let i = 0; i < count; i++) {
      const number = `${this.#numbers++} `;
      text += `${number.repeat(1 + Math.floor(size / number.length)).trimEnd()}\n`;
    }
    return text;
  }

  #path(live: string, to: 'near' | 'beside' | 'away'): string {
    const turn = 100 + this.#turns++;
    if (to === 'near') return `${live}.${turn}`;
    if (to === 'beside') return live.replace(/log$/, `old.${turn}`);
    return join(this.#away, `${this.#turns}`);
  }

  #rename(from: string, to: 'near' | 'beside' | 'away', path = this.#path(from, to)): void {
    const file = this.#files.get(from);
    if (!file) return;
    this.#remove(path);
    this.#read();
    fs.renameSync(from, path);
    this.#files.delete(from);
    this.#files.set(path, file);
    this.#renamed = [path, ...this.#renamed.filter((other) => other !== from)];
    this.#loseWriter(from);
    this.#model.moved(file, to, path);
  }

  #shift(live: string, keep: number): void {
    for (let i = keep; i >= 1; i--) this.#rename(i === 1 ? live : `${live}.${i - 1}`, 'near', `${live}.${i}`);
  }

  #return(from: string | undefined, live: string): void {
    const file = this.#files.get(from!);
    if (from === undefined || !file || this.#files.has(live)) return;
    this.#read();
    fs.renameSync(from, live);
    this.#files.delete(from);
    this.#files.set(live, file);
    this.#renamed = this.#renamed.filter((path) => path !== from);
    this.#model.moved(file, 'live', live);
  }

  #remove(path: string | undefined): void {
    const file = this.#files.get(path!);
    if (path === undefined || !file) return;
    this.#read();
    fs.rmSync(path);
    this.#files.delete(path);
    this.#renamed = this.#renamed.filter((other) => other !== path);
    this.#loseWriter(path);
    this.#model.moved(file, 'deleted', path);
  }

  /** The name is gone: a writer that does not notice goes on. */
  #loseWriter(path: string): void {
    const writer = this.#writers.get(path);
    if (!writer) return;
    this.#writers.delete(path);
    if (this.#world.late) this.#late = [writer, ...this.#late];
    else fs.closeSync(writer.fd);
  }

  async #copy({ file, to, pieces, pause }: Step & { do: 'copy' }): Promise<void> {
    const live = this.#live(file);
    const original = this.#files.get(live);
    if (!original) return;
    const path = this.#path(live, to);
    const from = fs.openSync(live, 'r');
    const into = fs.openSync(path, 'a');
    const { size } = fs.fstatSync(from);
    this.#read();
    this.#model.copying(original);
    const bytes = Buffer.alloc(Math.ceil(size / Math.max(1, pieces)) || 1);
    for (let got = fs.readSync(from, bytes); got > 0; got = fs.readSync(from, bytes)) {
      fs.writeSync(into, bytes, 0, got);
      if (pause > 0) await sleep(pause);
    }
    fs.closeSync(from);
    fs.closeSync(into);
    this.#read();
    fs.truncateSync(live);
    this.#files.set(path, this.#model.truncated(original, live, 0, { where: to, path, size })!);
    this.#renamed.unshift(path);
  }

  async #truncate(file: number, percent: number, caughtUp = false): Promise<void> {
    const live = this.#live(file);
    const physical = this.#files.get(live);
    if (!physical || (caughtUp && !(await this.#catchUp()))) return;
    const { content } = physical;
    if (this.#model.running) {
      const known = (await this.#ask({ do: 'files' })).find(({ id }) => id === content.identity?.id);
      if (known) this.#model.saw(content, known.size);
    }
    // To a part: of what was read, or nobody could tell that it was truncated.
    const part = Math.floor((content.next * percent) / 100) - 2;
    const kept = part < 0 ? 0 : content.bytes.lastIndexOf(10, part) + 1;
    this.#read();
    fs.truncateSync(live, kept);
    this.#model.truncated(physical, live, kept);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
