/** `runnel sink KIND`: a consumer behind Kafka, in the foreground; or what it needs, installed; or what it wrote, examined. */
import { ConfigError, formatFault } from '../config/errors.ts';
import { ConsumerAccount } from '../consumers/account.ts';
import { CONSUMERS } from '../consumers/all.ts';
import { type AnyConsumerKind, type ConsumerSpec, SettingsRefused } from '../consumers/kind.ts';
import { ConsumerProcess, hostFor, newClient } from '../consumers/process/process.ts';
import { aborted } from '../core/abort.ts';
import { writableByOthers, writableWithin } from '../data-dir/writable.ts';
import { log, setLog } from '../log.ts';
import { endNow, leave } from '../native.ts';
import { type LocatedConfig, loadConfig } from '../options.ts';
import { fail, givenUp, makeDataDir, nameProcess, rememberCompiledCode, runsHere, stopSignal } from './foreground.ts';
import { fitForMachine } from './machine.ts';
import { complain, print, printJson } from './output.ts';
import { announceReady, announceStop } from './systemd.ts';

/** The defaults of these differ from the agent's: both may run on one host. */
const DATA_DIR = '/var/lib/runnel-sink';
const LISTEN = '127.0.0.1:8688';

export interface SinkOptions {
  version: string;
  defaultPath: string;
  config?: string;
  setup?: boolean;
  check?: boolean;
  repair?: boolean;
  json?: boolean;
}

/** A consumer's configuration, checked. */
interface Chosen {
  kind: AnyConsumerKind;
  located: LocatedConfig;
  specs: readonly ConsumerSpec<unknown>[];
  dataDir: string;
}

/** Resolves with the exit code. */
export async function sink(name: string, options: SinkOptions): Promise<number> {
  const { setup, check, repair } = options;
  if (repair && !check) return misuse('--repair mends what --check finds: write --check --repair');
  if (setup && check) return misuse('--setup and --check are two things: one after the other');
  if (!runsHere()) return 2;
  const chosen = await choose(name, options);
  if (chosen === null) return 2;
  setLog(chosen.located.config.log);
  if (check && !chosen.kind.examine) return misuse(`sink ${name} has no --check`);
  if (setup) return await setUpAll(chosen);
  if (check) return await examineAll(chosen, options);
  return await run(chosen, options.version);
}

function misuse(message: string): number {
  complain(`runnel: ${message}`);
  return 2;
}

/** Null: the configuration cannot be used, which was said. */
async function choose(name: string, options: SinkOptions): Promise<Chosen | null> {
  const kind = CONSUMERS.find((one) => one.name === name) as AnyConsumerKind;
  const path = options.config ?? options.defaultPath;
  try {
    const loaded = await loadConfig(path);
    const dataDir = loaded.isSet('data_dir') ? loaded.config.data_dir : DATA_DIR;
    const located = fitForMachine({ ...loaded, path, config: { ...loaded.config, data_dir: dataDir } });
    const specs = located.config.sink[name] ?? [];
    if (specs.length === 0) {
      const message = `sink.${name} is missing: it says what runnel sink ${name} is to do`;
      throw new ConfigError([{ ...located.says(['sink'], ''), message }]);
    }
    for (const warning of located.warnings) log.warn(warning);
    return { kind, located, specs, dataDir };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain(error.faults.map(formatFault).join('\n'));
    return null;
  }
}

async function run({ kind, located, specs, dataDir }: Chosen, version: string): Promise<number> {
  const { config } = located;
  nameProcess();
  // Handlers first: a signal during the start must not end the process half-way.
  const stop = stopSignal('settling what is on its way', config.shutdown_timeout);
  const unsafe = makeDataDir(dataDir, unsafeSinkDir);
  if (unsafe) {
    fail(`cannot start: cannot use data_dir: ${unsafe}`, located);
    return 1;
  }
  rememberCompiledCode(dataDir);
  let consumers: ConsumerProcess;
  try {
    const listen = located.isSet('admin.listen') ? config.admin.listen : LISTEN;
    const starting = ConsumerProcess.start({ version, kind, specs, located, dataDir, listen, stop });
    consumers = await Promise.race([starting, givenUp(stop, config.shutdown_timeout)]);
  } catch (error) {
    if (stop.aborted) endNow(0);
    fail(`cannot start: ${(error as Error).message}`, located);
    return 1;
  }
  log.info(startLine({ kind, located, specs, dataDir }, version, consumers));
  announceReady(() => consumers.reasons);
  const failed = await Promise.race([aborted(stop), consumers.failed]);
  if (failed) fail(`ends here: ${failed.message}`, located);
  announceStop();
  const since = performance.now();
  await consumers.stop();
  const left = consumers.inFlight;
  const rest =
    left === 0 ? 'all that was read is settled' : `${left} records were not settled in time: they are read again`;
  log.info(`stopped after ${((performance.now() - since) / 1000).toFixed(1)} s: ${rest}`);
  // What still holds the event loop (a connection attempt that cannot be cancelled) has nothing to lose any more.
  leave(failed instanceof SettingsRefused ? 2 : failed ? 1 : 0);
}

function startLine(
  { kind, located: { config, path, hash }, specs, dataDir }: Chosen,
  version: string,
  { slot, adminAddress }: ConsumerProcess,
): string {
  return [
    `runnel ${version} sink ${kind.name} has started on ${config.host}: config ${path} (${hash})`,
    `data_dir ${dataDir}`,
    `slot ${slot}`,
    `groups ${specs.map(({ group, topics }) => `${group} (${topics.join(' ')})`).join(' ')}`,
    `brokers ${config.kafka.brokers.join(' ')}`,
    `status on ${adminAddress ?? 'no address'}`,
  ].join(', ');
}

/** In its data_dir there are locks and compiled code; the latter is run. */
function unsafeSinkDir(dir: string): string | null {
  return writableByOthers(dir) ?? writableWithin(dir, (name) => name === 'cache' || name.endsWith('.lock'));
}

/** One after the other; each says what it did, or the sentence why it could not. */
async function setUpAll(chosen: Chosen): Promise<number> {
  return await withHost(chosen, async (host, spec) => {
    const done = await chosen.kind.setup(spec, host);
    print(done.map((line) => `${line}\n`).join(''));
    return 0;
  });
}

async function examineAll(chosen: Chosen, { repair = false, json }: SinkOptions): Promise<number> {
  const found: object[] = [];
  const code = await withHost(chosen, async (host, spec) => {
    const examined = await chosen.kind.examine!(spec, host, { repair });
    found.push({ consumer: spec.id, ...examined.json });
    if (!json) print(examined.lines.map((line) => `${line}\n`).join(''));
    return examined.code;
  });
  if (json) printJson(`${JSON.stringify(found)}\n`);
  return code;
}

/** For each consumer; gives the worst exit code: 1 before 3 before 0. */
async function withHost(
  chosen: Chosen,
  work: (host: ReturnType<typeof hostFor>, spec: ConsumerSpec<unknown>) => Promise<number>,
): Promise<number> {
  const { located, specs } = chosen;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(new Error('stopped')));
  const client = newClient(chosen, false);
  let writer: ReturnType<typeof newClient> | null = null;
  const codes: number[] = [];
  try {
    for (const spec of specs) {
      const host = hostFor(
        { ...chosen, stop: stop.signal },
        {
          client,
          writer: () => {
            writer ??= newClient(chosen, located.config.kafka.create_topics);
            return writer;
          },
          account: new ConsumerAccount(),
          instanceId: 'none',
        },
      );
      codes.push(await work(host, spec));
    }
  } catch (error) {
    fail((error as Error).message, located);
    codes.push(1);
  } finally {
    await Promise.all([client.close(), (writer as ReturnType<typeof newClient> | null)?.close()]);
  }
  return codes.includes(1) ? 1 : Math.max(0, ...codes);
}
