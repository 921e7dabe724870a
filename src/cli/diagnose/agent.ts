/** What the running agent says of itself: what it cannot do, and what it lost. */
import { isAbsolute, resolve } from 'node:path';
import { type AgentAddress, askFirst, bodyOf, NoAnswer } from '../../admin/client.ts';
import type { Diagnosis, Tell } from '../../core/diagnosis.ts';
import { LOSSES, type LossReason, type Meaning } from '../../core/losses.ts';
import type { Status } from '../../report/shape.ts';

/** Of an agent of another version. */
const UNKNOWN: Meaning = {
  meaning: 'this version does not know the reason',
  remedy: 'ask with the runnel of that agent',
};

const SILENCE: Record<NoAnswer['why'], (answer: NoAnswer) => Diagnosis> = {
  none: () => ({
    level: 'warning',
    about: 'agent',
    message: 'none answers',
    remedy: 'start it: runnel run, or systemctl start runnel',
  }),
  hangs: ({ said }) => ({
    level: 'error',
    about: 'agent',
    message: `it runs, and does not answer (${said})`,
    remedy: 'systemctl restart runnel; what it did stands in its journal: runnel flare, journalctl -u runnel',
  }),
  denied: ({ said }) => ({
    level: 'warning',
    about: 'agent',
    message: `none may be asked (${said})`,
    remedy: 'ask as root, or as the user that the agent runs as',
  }),
};

const DETAILS = 'runnel status has the details, docs/operation.md what to do';

/** Of the agent that answers at one of these, or why none does. `answer_ms`: how long each may take. */
export async function askAgent(targets: readonly AgentAddress[], answer_ms?: number): Promise<Status | NoAnswer> {
  try {
    const response = await askFirst(targets, '/status?files=20', 'GET', answer_ms);
    const body = await bodyOf(response);
    return response.statusCode === 200
      ? (JSON.parse(body) as Status)
      : new NoAnswer(`it answers ${response.statusCode}`, []);
  } catch (error) {
    return error instanceof NoAnswer ? error : new NoAnswer((error as Error).message, []);
  }
}

/** Whether an agent of another configuration answered, which has the same address. */
export function isOther({ config }: Status, path: string | null): boolean {
  if (config.path === null || path === null) return config.path !== path;
  return isAbsolute(config.path) && config.path !== resolve(path);
}

/** `hash`: of the configuration that is asked about. */
export function judgeAgent(status: Status | NoAnswer, hash: string, tell: Tell): void {
  if (status instanceof NoAnswer) {
    tell(SILENCE[status.why](status));
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
