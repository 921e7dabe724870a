/**
 * Watches directories by inotify; the one door to chokidar.
 *
 * chokidar lists a watched directory, watches every file in it and compares: for ten thousand files 86 MB and 1 % of a
 * core. Here it only watches, one inotify watch a directory, and its `raw` events are passed on. Its public `add` is
 * done some time later; what is called here has the watch set when it returns, so whoever lists afterwards misses nothing.
 */
import { dirname } from 'node:path';
import { FSWatcher } from 'chokidar';

/** `rename`: the name was made, moved or deleted; `change`: written to. No name: something happened to the directory. */
export type OnEvent = (directory: string, event: string, name: string | null) => void;

/** Ends a watch. */
export type Close = () => void;

export class Watcher {
  // Not persistent: chokidar would share a watch with others of the same path, also when that is on a directory which
  // has lost the path.
  readonly #watcher = new FSWatcher({ persistent: false });
  #error: Error | null = null;

  constructor(told: OnEvent) {
    this.#watcher.on('raw', (event: string, name: string | null, details: unknown) => {
      const { watchedPath } = details as { watchedPath?: string };
      if (watchedPath !== undefined) told(watchedPath, event, name);
    });
    this.#watcher.on('error', (error) => {
      this.#error = error as Error;
    });
  }

  /** An error: what the system says. Null: the directory is not there, or may not be looked at. */
  watch(directory: string): Close | Error | null {
    this.#error = null;
    const close = this.#watcher._nodeFsHandler._watchWithNodeFs(directory, () => undefined);
    // What it notes about the directory serves its comparing.
    this.#watcher._watched.delete(dirname(directory));
    return close ?? this.#error;
  }

  close(): Promise<void> {
    return this.#watcher.close();
  }
}
