/** What a process in the foreground does beside its work, whether it is the agent or a consumer behind Kafka. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';
import type { CommonConfig } from '../config/config.ts';
import { aborted } from '../core/abort.ts';
import { makeDirectorySync } from '../core/files.ts';
import { isUnusedByOthers, writableByOthers } from '../data-dir/writable.ts';
import { log } from '../log.ts';
import { endNow } from '../native.ts';
import { complain } from './output.ts';

/** By then what a start needs has been loaded. */
const CACHE_AFTER_MS = 5000;

/** Whether it can run here; what is wrong was said. */
export function runsHere(): boolean {
  if (['linux', 'darwin'].includes(process.platform)) return true;
  process.stderr.write(
    `runnel: ${process.platform} is not supported; runnel runs on Linux, and on macOS for development\n`,
  );
  return false;
}

/** Aborts at SIGTERM or SIGINT; a second one ends the process at once. `does`: what it does then, for how long at most. */
export function stopSignal(does: string, limit_ms: number): AbortSignal {
  const stop = new AbortController();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
    if (signals > 1) endNow(1);
    log.info(`${signal}: ${does}, at most ${limit_ms / 1000} s; a second signal ends it at once`);
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGUSR1', () => undefined);
  return stop.signal;
}

/** Rejects when a stop was asked for and the start goes on all the same: what it waits for may never come. */
export async function givenUp(stop: AbortSignal, limit_ms: number): Promise<never> {
  await aborted(stop);
  await new Promise((resolve) => setTimeout(resolve, limit_ms).unref());
  throw new Error(`the start had not ended ${limit_ms / 1000} s after it was to stop`);
}

/** Why it ends: for people, but where the log is for programs. */
export function fail(message: string, { config }: { config: Pick<CommonConfig, 'log'> }): void {
  if (config.log.format === 'json') log.error(message);
  else complain(`runnel: ${message}`);
}

/** What ps, top and pgrep call it, in place of Node's `MainThread`; its command line stays what it is. */
export function nameProcess(): void {
  try {
    writeFileSync('/proc/self/comm', 'runnel');
  } catch {
    // There is no /proc: then the way that Node has, which takes the room of the command line.
    process.title = 'runnel';
  }
}

/** Before anything in it is believed. Returns why nothing in it can be. */
export function makeDataDir(dir: string, unsafe: (dir: string) => string | null): string | null {
  try {
    makeDirectorySync(dir);
  } catch {
    // The start says why.
    return null;
  }
  if (writableByOthers(dir) !== null && isUnusedByOthers(dir)) {
    chmodSync(dir, 0o750);
    log.warn(`data_dir ${dir} could be written by everybody; nobody had, and from now on only root may`);
  }
  return unsafe(dir);
}

/**
 * Keeps compiled code in data_dir, which is the agent's alone: a start then takes a quarter less time and CPU. Where it
 * cannot be written, Node does without.
 */
export function rememberCompiledCode(dataDir: string): void {
  const dir = join(dataDir, 'cache');
  try {
    // Node would let everybody write there, where the umask does: what lies there is run.
    mkdirSync(dir, { mode: 0o750 });
  } catch {
    // It is there, or cannot be: then nothing is kept.
  }
  enableCompileCache(dir);
  // Not at the exit only: a process that is killed would never leave any.
  setTimeout(flushCompileCache, CACHE_AFTER_MS).unref();
}
