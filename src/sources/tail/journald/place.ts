/**
 * Whether the directory of a journal is the one that it was. A journalctl that follows one says nothing when that is
 * removed, and does not see another one under its name.
 */
import { statSync } from '../../../mounts/fs.ts';

const LOOK_MS = 1000;

/** Calls `gone` at each look at which there is another one, or none. Gives back what ends that. */
export function watchPlace(path: string, gone: () => void): () => void {
  const before = placeOf(path);
  const looking = setInterval(() => {
    const now = placeOf(path);
    // Where it cannot be asked journalctl says what there is.
    if (before !== null && now !== null && now !== before) gone();
  }, LOOK_MS).unref();
  return () => clearInterval(looking);
}

/** Null: this process must not ask. Empty: it is not there. */
function placeOf(path: string): string | null {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat ? `${stat.dev}:${stat.ino}` : '';
  } catch {
    return null;
  }
}
