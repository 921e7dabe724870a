/** `runnel run`: the agent in the foreground, as systemd, containers and people at a terminal run it. */

import { existsSync } from 'node:fs';
import type { Agent } from '../agent.ts';
import { ConfigError, formatFault } from '../config/errors.ts';
import { aborted } from '../core/abort.ts';
import { log, setLog } from '../log.ts';
import { takeInheritedSockets } from '../native/inherited.ts';
import { giveBack, shareMalloc } from '../native/memory.ts';
import { adoptOrphans } from '../native/orphans.ts';
import { endNow, keepCapabilities, leave } from '../native.ts';
import type { LocatedConfig } from '../options.ts';
import { startLine, stopLine } from './announce.ts';
import { unsafeDataDir } from './data-dir.ts';
import { fail, givenUp, makeDataDir, nameProcess, rememberCompiledCode, runsHere, stopSignal } from './foreground.ts';
import { builtIn, locateConfig } from './locate.ts';
import { fitForMachine } from './machine.ts';
import { complain } from './output.ts';
import { announceReady, announceReload, announceStop } from './systemd.ts';
import { welcome } from './welcome.ts';

export interface RunOptions {
  version: string;
  defaultPath: string;
  config?: string;
  default?: boolean;
}

/** Resolves with the exit code when the agent has stopped. */
export async function run(options: RunOptions): Promise<number> {
  if (!runsHere()) return 2;
  shareMalloc();
  const located = await choose(options);
  if (located === null) return 2;
  setLog(located.config.log);
  nameProcess();
  for (const warning of located.warnings) log.warn(warning);
  if (located.isSet('sink')) {
    log.warn(formatFault(located.says(['sink'], 'is ignored here: runnel sink does it, with a file of its own')));
  }

  // Handlers first: a signal during the start must not end the process half-way.
  const stop = stopSignal('draining', located.config.shutdown_timeout);
  const started = Promise.withResolvers<Agent>();
  process.on('SIGHUP', () => started.promise.then((agent) => agent.reload()));

  const unsafe = makeDataDir(located.config.data_dir, unsafeDataDir);
  if (unsafe) {
    fail(`cannot start: cannot use data_dir: ${unsafe}`, located);
    return 1;
  }
  rememberCompiledCode(located.config.data_dir);
  // Before there is a thread or a program that could take them over.
  takeInheritedSockets();
  keepRights();
  let agent: Agent;
  let ready = false;
  try {
    const starting = (await import('../agent.ts')).Agent.start({
      ...located,
      version: options.version,
      reread: () => reread(located.path),
      // The end of a reload says that it is ready: not before it is.
      reloading: (reloading) => ready && announceReload(reloading),
    });
    agent = await Promise.race([starting, givenUp(stop, located.config.shutdown_timeout)]);
  } catch (error) {
    fail(`cannot start: ${(error as Error).message}`, located);
    // What of it hangs must not keep the process.
    if (stop.aborted) endNow(1);
    return 1;
  }
  if (process.stderr.isTTY && located.config.log.format === 'text') complain(welcome(located, agent.adminAddress));
  else log.info(startLine(options.version, located));
  announceReady(() => agent.reasons);
  ready = true;
  started.resolve(agent);
  giveBack();
  const superseded = await Promise.race([aborted(stop), agent.superseded]);
  if (superseded) fail(`ends here: ${superseded.message}`, located);
  announceStop();
  const since = performance.now();
  await agent.stop();
  log.info(stopLine((performance.now() - since) / 1000, agent.waiting, agent.config));
  // What still holds the event loop (a connection attempt that cannot be cancelled) has nothing to lose any more.
  leave(superseded ? 1 : 0);
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

/** Of a container that has no other: what others leave becomes its child. */
const INIT = 1;

/** What the agent may read, what it starts must not. */
function keepRights(): void {
  try {
    if (process.pid === INIT) adoptOrphans();
    keepCapabilities();
  } catch (error) {
    log.warn(`programs that the agent starts may have its capabilities: ${(error as Error).message}`);
  }
}
