/** `runnel run`: the agent in the foreground, as systemd, containers and people at a terminal run it. */

import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';
import type { Agent } from '../agent.ts';
import { ConfigError } from '../config/errors.ts';
import { aborted } from '../core/abort.ts';
import { makeDirectorySync } from '../core/files.ts';
import { isUnusedByOthers, writableByOthers } from '../data-dir/writable.ts';
import { log, setLog } from '../log.ts';
import { takeInheritedSockets } from '../native/inherited.ts';
import { sdNotify } from '../native/sockets.ts';
import { endNow, keepCapabilities } from '../native.ts';
import type { LocatedConfig } from '../options.ts';
import { startLine, stopLine } from './announce.ts';
import { unsafeDataDir } from './data-dir.ts';
import { builtIn, locateConfig } from './locate.ts';
import { fitForMachine } from './machine.ts';
import { complain } from './output.ts';
import { welcome } from './welcome.ts';

/** By then what a start needs has been loaded. */
const CACHE_AFTER_MS = 5000;

export interface RunOptions {
  version: string;
  defaultPath: string;
  config?: string;
  default?: boolean;
}

/** Resolves with the exit code when the agent has stopped. */
export async function run(options: RunOptions): Promise<number> {
  if (!['linux', 'darwin'].includes(process.platform)) {
    process.stderr.write(
      `runnel: ${process.platform} is not supported; runnel runs on Linux, and on macOS for development\n`,
    );
    return 2;
  }
  const located = await choose(options);
  if (located === null) return 2;
  setLog(located.config.log);
  nameProcess();
  for (const warning of located.warnings) log.warn(warning);

  // Handlers first: a signal during the start must not end the process half-way.
  const stop = new AbortController();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
    if (signals > 1) endNow(1);
    log.info(
      `${signal}: draining, at most ${located.config.shutdown_timeout / 1000} s; a second signal ends it at once`,
    );
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGUSR1', () => undefined);
  const started = Promise.withResolvers<Agent>();
  process.on('SIGHUP', () => started.promise.then((agent) => agent.reload()));

  const unsafe = makeDataDir(located.config.data_dir);
  if (unsafe) {
    fail(`cannot start: cannot use data_dir: ${unsafe}`, located);
    return 1;
  }
  rememberCompiledCode(located.config.data_dir);
  // Before there is a thread or a program that could take them over.
  takeInheritedSockets();
  keepRights();
  let agent: Agent;
  try {
    const starting = (await import('../agent.ts')).Agent.start({
      ...located,
      version: options.version,
      reread: () => reread(located.path),
    });
    agent = await Promise.race([starting, givenUp(stop.signal, located.config.shutdown_timeout)]);
  } catch (error) {
    fail(`cannot start: ${(error as Error).message}`, located);
    // What of it hangs must not keep the process.
    if (stop.signal.aborted) endNow(1);
    return 1;
  }
  if (process.stderr.isTTY && located.config.log.format === 'text') complain(welcome(located, agent.adminAddress));
  else log.info(startLine(options.version, located));
  sdNotify('READY=1');
  started.resolve(agent);
  feedWatchdog();
  const superseded = await Promise.race([aborted(stop.signal), agent.superseded]);
  if (superseded) fail(`ends here: ${superseded.message}`, located);
  sdNotify('STOPPING=1');
  const since = performance.now();
  await agent.stop();
  log.info(stopLine((performance.now() - since) / 1000, agent.waiting, agent.config));
  // What still holds the event loop (a connection attempt that cannot be cancelled) has nothing to lose any more.
  process.exit(superseded ? 1 : 0);
}

/** Rejects when a stop was asked for and the start goes on all the same: what it waits for may never come. */
async function givenUp(stop: AbortSignal, limit_ms: number): Promise<never> {
  await aborted(stop);
  await new Promise((resolve) => setTimeout(resolve, limit_ms).unref());
  throw new Error(`the start had not ended ${limit_ms / 1000} s after it was to stop`);
}

async function choose(options: RunOptions): Promise<LocatedConfig | null> {
  const missing = options.config === undefined && !existsSync(options.defaultPath);
  if (options.default || (missing && process.stdin.isTTY && process.stderr.isTTY)) return builtIn();
  if (missing) {
    process.stderr.write(
      `runnel: no configuration: ${options.defaultPath} does not exist; name one with -c FILE, or try the built-in default with --default\n`,
    );
    return null;
  }
  try {
    return fitForMachine(await locateConfig({ ...options, config: options.config ?? options.defaultPath }));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.message);
    return null;
  }
}

async function reread(path: string | null): Promise<LocatedConfig> {
  return path === null ? builtIn() : fitForMachine(await locateConfig({ config: path, defaultPath: path }));
}

/** Why it ends: for people, but where the log is for programs. */
function fail(message: string, { config }: LocatedConfig): void {
  if (config.log.format === 'json') log.error(message);
  else complain(`runnel: ${message}`);
}

/** What ps, top and pgrep call it, in place of Node's `MainThread`; its command line stays what it is. */
function nameProcess(): void {
  try {
    writeFileSync('/proc/self/comm', 'runnel');
  } catch {
    // There is no /proc: then the way that Node has, which takes the room of the command line.
    process.title = 'runnel';
  }
}

/** What the agent may read, what it starts must not. */
function keepRights(): void {
  try {
    keepCapabilities();
  } catch (error) {
    log.warn(`programs that the agent starts may have its capabilities: ${(error as Error).message}`);
  }
}

/** Tells systemd that the event loop turns, three times in the time after which it would end a silent process. */
function feedWatchdog(): void {
  const { WATCHDOG_USEC, WATCHDOG_PID } = process.env;
  const limit_ms = Number(WATCHDOG_USEC ?? 0) / 1000;
  if (!(limit_ms > 0) || (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid)) return;
  const feed = () => {
    try {
      sdNotify('WATCHDOG=1');
    } catch (error) {
      log.warnOnce('watchdog', `cannot tell systemd that the agent lives: ${(error as Error).message}`);
    }
  };
  setInterval(feed, limit_ms / 3).unref();
}

/** Before anything in it is believed. Returns why nothing in it can be. */
function makeDataDir(dir: string): string | null {
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
  return unsafeDataDir(dir);
}

/**
 * Keeps compiled code in data_dir, which is the agent's alone: a start then takes a quarter less time and CPU. Where it
 * cannot be written, Node does without.
 */
function rememberCompiledCode(dataDir: string): void {
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
