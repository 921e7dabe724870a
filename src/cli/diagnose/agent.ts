/** What the running agent says of itself: what it cannot do, and what it lost. */
import { isAbsolute, resolve } from 'node:path';
import { askFirst, bodyOf, targetsOf } from '../../admin/client.ts';
import type { Tell } from '../../core/diagnosis.ts';
import { LOSSES, type LossReason, type Meaning } from '../../core/losses.ts';
import type { Config } from '../../options.ts';
import type { Status } from '../../report/shape.ts';

/** Of an agent of another version. */
const UNKNOWN: Meaning = {
  meaning: 'this version does not know the reason',
  remedy: 'ask with the runnel of that agent',
};

const DETAILS = 'runnel status has the details, docs/operation.md what to do';

/** Null: none answers. */
export async function askAgent(config: Config, installed: boolean): Promise<Status | null> {
  try {
    const response = await askFirst(targetsOf(config, installed), '/status?files=20');
    const body = await bodyOf(response);
    return response.statusCode === 200 ? (JSON.parse(body) as Status) : null;
  } catch {
    // Nobody listens there: that is what is said of it.
    return null;
  }
}

/** Whether an agent of another configuration answered, which has the same address. */
export function isOther({ config }: Status, path: string | null): boolean {
  if (config.path === null || path === null) return config.path !== path;
  return isAbsolute(config.path) && config.path !== resolve(path);
}

/** `hash`: of the configuration that is asked about. */
export function judgeAgent(status: Status | null, hash: string, tell: Tell): void {
  if (status === null) {
    tell({
      level: 'warning',
      about: 'agent',
      message: 'none answers',
      remedy: 'start it: runnel run, or systemctl start runnel',
    });
    return;
  }
  const { version, pid, config, reasons, lost, logs } = status;
  tell({ level: 'ok', about: 'agent', message: `version ${version} runs, pid ${pid}` });
  if (config.hash !== hash) {
    const message = 'runs an older configuration than that on disk';
    tell({ level: 'warning', about: 'agent', message, remedy: 'runnel reload' });
  }
  for (const message of reasons) tell({ level: 'warning', about: 'agent', message, remedy: DETAILS });
  for (const { path, error } of logs.flatMap(({ files }) => files)) {
    if (error !== null) tell({ level: 'warning', about: 'agent', message: `${path}: ${error}`, remedy: DETAILS });
  }
  for (const { input, reason, records, bytes } of lost) {
    const known: Meaning | undefined = LOSSES[reason as LossReason];
    const { meaning, remedy } = known ?? UNKNOWN;
    const message = `${input} has lost ${records} items, ${bytes} bytes (${reason}): ${meaning}`;
    tell({ level: 'warning', about: 'agent', message, remedy });
  }
}
