/** Where the main thread spends its time, as Chrome's and VS Code's profilers read it (`.cpuprofile`). */
import type { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export const MOST_SECONDS = 60;

let running = false;

/** JSON; null: one is being made already. It costs some percent of a core as long as it runs. */
export async function cpuProfile(seconds: number): Promise<string | null> {
  if (running) return null;
  running = true;
  let session: Session | undefined;
  try {
    const inspector = await import('node:inspector/promises');
    session = new inspector.Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    await sleep(seconds * 1000, undefined, { ref: false });
    const { profile } = await session.post('Profiler.stop');
    return JSON.stringify(profile);
  } finally {
    session?.disconnect();
    running = false;
  }
}
