/**
 * The mounts of the host: as PID 1 sees them where that may be looked at, else as this process does. The kernel takes longer
 * to write them down than all else that is read in a round, so they are read when it says that something was mounted or
 * unmounted, and now and then: a file system that an error makes read-only is no news to it.
 */
import { mountNews } from '../native.ts';
import type { HostFiles } from './files.ts';

/** Rounds. */
const READ_EVERY = 3;

export interface MountsText {
  text: string;
  /** It is this process's own view, in which its service manager has mounted everything read-only. */
  own: boolean;
}

export class HostMounts {
  readonly #host: HostFiles;
  #own = false;
  #text: string | null = null;
  #rounds = 0;

  constructor(host: HostFiles) {
    this.#host = host;
  }

  /** Null: they are as before. Throws where they may not be looked at. */
  news(): MountsText | null {
    const fd = this.#text === null ? undefined : this.#host.descriptor(this.#path);
    const isDue = fd === undefined || ++this.#rounds % READ_EVERY === 0 || (mountNews(fd) ?? true);
    if (!isDue) return null;
    const text = this.#read();
    if (text === this.#text) return null;
    this.#text = text;
    return { text, own: this.#own };
  }

  get #path(): string {
    return this.#own ? '/proc/self/mountinfo' : '/proc/1/mountinfo';
  }

  #read(): string {
    try {
      return this.#host.read(this.#path);
    } catch (error) {
      // Elsewhere there is no other view that is the host's.
      if (this.#own || this.#host.isForeign) throw error;
      this.#own = true;
      return this.#host.read(this.#path);
    }
  }
}
