/** What a check runs has the rights of the agent: nobody else may say what it is. */
import { writableByOthers } from '../../data-dir/writable.ts';
import { statSync } from '../../mounts/fs.ts';

/** `passing`: it may be right at another time. */
interface Unfit {
  message: string;
  passing: boolean;
}

/** Null: it may be run. */
export function faultOfFile(file: string): Unfit | null {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile())
    return { message: `${file}: there is no such file`, passing: true };
  const wrong = writableByOthers(file);
  return wrong === null ? null : { message: `${wrong}: it runs with the rights of the agent`, passing: false };
}

/** Before each run: since the configuration was read it may have come, or another may have taken its place. */
export function needRunnable(file: string): void {
  const fault = faultOfFile(file);
  if (fault) throw new Error(fault.message);
}
