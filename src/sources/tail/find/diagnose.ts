/** Whether the files that the inputs name may be read by who asks, and whether the limits of the machine suffice for them. */
import { readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Tell } from '../../../core/diagnosis.ts';
import { count } from '../../../core/units.ts';
import { accessSync, constants } from '../../../mounts/fs.ts';
import type { LogConfig } from '../options.ts';
import { idlePatterns } from './unmatched.ts';

/** Files that cannot be read are named, so many of an input. */
const MOST_NAMED = 5;
/** Beside those of files: sockets, the local log, libraries. */
const OTHER_DESCRIPTORS = 256;

export async function diagnoseFiles(
  { logs, data_dir }: { logs: readonly LogConfig[]; data_dir: string },
  tell: Tell,
  stop: AbortSignal,
): Promise<void> {
  const directories = new Set<string>();
  let files = 0;
  for (const input of logs) {
    let found = 0;
    const refused: string[] = [];
    await idlePatterns(input, data_dir, stop, (path) => {
      found++;
      directories.add(dirname(path));
      if (!isReadable(path)) refused.push(path);
    });
    files += found;
    const some = stop.aborted ? 'at least ' : '';
    if (refused.length === 0) {
      tell({
        level: 'ok',
        about: 'files',
        message: `logs ${input.name}: ${some}${count(found, 'file')}, all may be read by user ${process.geteuid?.()}`,
      });
      continue;
    }
    const more = refused.length > MOST_NAMED ? ` and ${refused.length - MOST_NAMED} more` : '';
    tell({
      level: 'error',
      about: 'files',
      message: `logs ${input.name}: ${refused.length} of ${some}${count(found, 'file')} may not be read by user ${process.geteuid?.()}: ${refused.slice(0, MOST_NAMED).join(', ')}${more}`,
      remedy:
        'give the agent a group that may (SupplementaryGroups=adm), or CAP_DAC_READ_SEARCH, as systemd/runnel.service does',
    });
  }
  if (logs.length === 0) return;
  diagnoseWatches(directories.size, tell);
  diagnoseDescriptors(files, tell);
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch (error) {
    // What is gone by now is nobody's trouble; what is on a mount that may hang is not asked for here.
    return !['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

function diagnoseWatches(directories: number, tell: Tell): void {
  const most = numberIn('/proc/sys/fs/inotify/max_user_watches');
  if (most === null) return;
  const remedy = `sysctl -w fs.inotify.max_user_watches=${Math.max(524_288, directories * 4)} fs.inotify.max_user_instances=1024`;
  const refused = watchRefused();
  if (refused !== null) {
    const message = `inotify cannot be used by user ${process.geteuid?.()} now (${refused}): directories are looked at every second instead`;
    tell({ level: 'warning', about: 'limits', message, remedy });
  } else if (directories * 2 > most) {
    const message = `fs.inotify.max_user_watches is ${most}, for ${count(directories, 'directory', 'directories')} with files: those without a watch are looked at every second`;
    tell({ level: 'warning', about: 'limits', message, remedy });
  } else {
    const message = `fs.inotify.max_user_watches is ${most}, for ${count(directories, 'directory', 'directories')} with files`;
    tell({ level: 'ok', about: 'limits', message });
  }
}

/** The kernel's own answer: other programs of the user share these limits. */
function watchRefused(): string | null {
  try {
    watch('/').close();
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOSPC' || code === 'EMFILE' ? code : null;
  }
}

function diagnoseDescriptors(files: number, tell: Tell): void {
  const most = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(textOf('/proc/self/limits') ?? '')?.[1]);
  if (!(most < files + OTHER_DESCRIPTORS)) return;
  tell({
    level: 'warning',
    about: 'limits',
    message: `a process may have ${most} files open, and there are ${count(files, 'file')} to read: idle ones are closed and opened again`,
    remedy: 'ulimit -n 131072, in a unit LimitNOFILE=131072 as in systemd/runnel.service',
  });
}

function numberIn(path: string): number | null {
  const text = textOf(path);
  return text === null ? null : Number(text);
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // Not Linux, or hidden here.
    return null;
  }
}
