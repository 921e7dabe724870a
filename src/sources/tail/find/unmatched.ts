/** Which patterns of an input name nothing that is there, and which files two inputs read, found out without an agent. */
import type { Saying } from '../../../config/errors.ts';
import { isPrecaution } from '../../../config/glob.ts';
import { realpathSync, statSync } from '../../../mounts/fs.ts';
import type { LogConfig } from '../options.ts';
import { Directories } from './directories.ts';
import type { Finding } from './finding.ts';
import { OwnFiles } from './own.ts';
import { Selection, withHint } from './selection.ts';
import { Walk } from './walk.ts';

/** Warns of patterns that name nothing. What cannot be told before `stop` is left unsaid. */
export async function warnOfIdle(
  { logs, data_dir }: { logs: readonly LogConfig[]; data_dir: string },
  warn: Saying,
  stop: AbortSignal,
): Promise<void> {
  const shared = new SharedFiles();
  /** Which input has it first, of what nobody sees yet. */
  const awaited = new Map<string, number>();
  for (const [i, input] of logs.entries()) {
    const { include, exclude } = await idlePatterns(input, data_dir, stop, (path, link) => shared.found(path, link, i));
    for (const pattern of include) {
      const path = ['logs', i, 'include', input.include.indexOf(pattern)];
      warn(path, namesNothing(pattern));
      const by = awaited.get(pattern) ?? i;
      awaited.set(pattern, by);
      if (by !== i) warn(path, `is what logs[${by}] waits for, too: it would be sent by both; exclude it in one`);
    }
    for (const pattern of exclude.filter((one) => !isPrecaution(one))) {
      const path = ['logs', i, 'exclude', input.exclude.indexOf(pattern)];
      warn(path, `leaves nothing out that is there now: ${pattern}`);
    }
  }
  for (const { by, also, path, files } of shared.pairs) {
    const what = files === 1 ? path : `${path} and ${files - 1} more`;
    warn(
      ['logs', also, 'include'],
      `names what logs[${by}] reads, too: ${what} would be sent by both; exclude it in one`,
    );
  }
}

/** Remembered to be told apart. */
const MOST_FILES = 100_000;
/** Pairs of inputs that are told. */
const MOST_PAIRS = 100;

/** Which files are read by more than one input, by where they really lie. */
class SharedFiles {
  readonly #by = new Map<string, number>();
  /** What was found for an input already: a path may be found many times. */
  #found: { input: number; paths: Set<string> } = { input: -1, paths: new Set() };
  readonly #pairs = new Map<string, { by: number; also: number; path: string; files: number }>();

  get pairs() {
    return this.#pairs.values();
  }

  found(path: string, link: boolean, input: number): void {
    const real = link ? realOf(path) : path;
    const by = this.#by.get(real);
    if (by === undefined) {
      if (this.#by.size < MOST_FILES) this.#by.set(real, input);
      return;
    }
    if (this.#found.input !== input) this.#found = { input, paths: new Set() };
    if (by === input || this.#found.paths.has(real)) return;
    this.#found.paths.add(real);
    const key = `${by} ${input}`;
    const pair = this.#pairs.get(key);
    if (pair) pair.files++;
    else if (this.#pairs.size < MOST_PAIRS) this.#pairs.set(key, { by, also: input, path, files: 1 });
  }
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // It has just gone, or leads to where this process does not look.
    return path;
  }
}

/** By their place in the lists; none: it cannot be told before `stop`. */
export async function idlePatterns(
  input: LogConfig,
  dataDir: string,
  stop: AbortSignal,
  found: (path: string, link: boolean) => void = () => undefined,
): Promise<{ include: string[]; exclude: string[] }> {
  const selection = new Selection(input);
  const directories = new Directories(input.max_files, null, () => undefined);
  const own = new OwnFiles(dataDir);
  const finding: Finding = {
    room: true,
    behind: null,
    found: (path, link) => {
      found(path, link);
      return true;
    },
    aside: () => undefined,
    elsewhere: (path) => selection.leave(path),
  };
  const walk = new Walk({ input: input.name, selection, own, directories, finding, pass: 1, roots: null, stop });
  await walk.run();
  return stop.aborted ? { include: [], exclude: [] } : selection.idle;
}

/** What is said of an idle pattern of `include`. */
export function namesNothing(pattern: string): string {
  const stat = lookAt(pattern);
  if (!stat?.isDirectory()) return `names no file yet: ${withHint(pattern)}`;
  const dir = pattern.replace(/\/+$/, '');
  return `names no file: ${dir} is a directory; its files are ${dir}/*, with those below it ${dir}/**`;
}

function lookAt(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // It is no path, or may not be looked at.
    return undefined;
  }
}
