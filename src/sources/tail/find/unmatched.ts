/** Which patterns of an input name nothing that is there, found out without an agent. */
import type { Saying } from '../../../config/errors.ts';
import { isPrecaution } from '../../../config/glob.ts';
import { statSync } from '../../../mounts/fs.ts';
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
  for (const [i, input] of logs.entries()) {
    const { include, exclude } = await idlePatterns(input, data_dir, stop);
    for (const pattern of include) {
      warn(['logs', i, 'include', input.include.indexOf(pattern)], namesNothing(pattern));
    }
    for (const pattern of exclude.filter((one) => !isPrecaution(one))) {
      const path = ['logs', i, 'exclude', input.exclude.indexOf(pattern)];
      warn(path, `leaves nothing out that is there now: ${pattern}`);
    }
  }
}

/** By their place in the lists; none: it cannot be told before `stop`. */
export async function idlePatterns(
  input: LogConfig,
  dataDir: string,
  stop: AbortSignal,
): Promise<{ include: string[]; exclude: string[] }> {
  const selection = new Selection(input);
  const directories = new Directories(input.max_files, null, () => undefined);
  const own = new OwnFiles(dataDir);
  const finding: Finding = {
    room: true,
    behind: null,
    found: () => true,
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
