/**
 * Mounts that may hang and have files to read: a process for each, as long as there are not too many. All inputs share
 * them.
 */
import type { Mount } from '../../../mounts/mountinfo.ts';
import { isGone } from '../../../mounts/places.ts';
import { MountProcess } from './process.ts';

/** Further mounts share a process, and one that hangs holds up those beside it. */
const MOST = 8;
const LOOK_MS = 1000;

export class Mounts {
  readonly #processes = new Set<MountProcess>();
  /** By device: how often it was found to hang. */
  readonly #hangs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  /** The process that reads what is on this mount. */
  processFor(mount: Mount): MountProcess {
    const { device } = mount;
    const running = [...this.#processes].filter((one) => !one.over);
    let found = running.find((one) => one.mounts.has(device));
    if (running.length >= MOST) found ??= running.sort((a, b) => a.mounts.size - b.mounts.size)[0];
    if (!found) {
      found = new MountProcess(this.#hangs);
      this.#processes.add(found);
      if (this.#processes.size === 1) process.on('exit', this.#killAll);
    }
    found.mounts.set(device, mount);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
    return found;
  }

  /** What is wrong, a sentence each. */
  get troubles(): string[] {
    return [...this.#processes].flatMap((one) => one.troubles);
  }

  /** As in `status`. */
  status(): { mountpoint: string; type: string; hanging: string | null; hangs: number }[] {
    return [...this.#processes].flatMap(({ mounts, hanging }) =>
      [...mounts.values()].map(({ device, mountpoint, type }) => ({
        mountpoint,
        type,
        hanging: hanging === null ? null : new Date(hanging).toISOString(),
        hangs: this.#hangs.get(device) ?? 0,
      })),
    );
  }

  #look(): void {
    const now = performance.now();
    for (const one of this.#processes) {
      one.ask(now);
      for (const mount of one.mounts.values()) if (isGone(mount)) one.forget(mount);
      if (one.mounts.size === 0 || one.parts === 0) one.end('there is nothing to read on it');
      if (one.over) this.#processes.delete(one);
    }
    if (this.#processes.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    process.off('exit', this.#killAll);
  }

  readonly #killAll = (): void => {
    for (const one of this.#processes) one.end('the agent ends');
  };
}
