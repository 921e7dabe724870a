/**
 * A real systemd-journald, of the machine's own package, beside that of the machine: it has a /run of its own in a mount
 * namespace, and writes its files below the directory that it is given.
 *
 *   await using journald = await startJournald();
 *   await journald.send([{ MESSAGE: 'hello', PRIORITY: '6' }]);
 *   logs: [{ journald: { directory: journald.directory } }]
 *
 * It needs root, as mount namespaces do; `noJournald` says what is missing.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { sendDatagrams } from './unix-datagrams.ts';
import { until } from './until.ts';

const PROGRAM = '/lib/systemd/systemd-journald';

/** Why there can be none here; undefined: there can. */
export const noJournald: string | undefined = (() => {
  if (!existsSync(PROGRAM)) return `${PROGRAM} is not there`;
  if (spawnSync('journalctl', ['--version']).status !== 0) return 'journalctl is not there';
  return spawnSync('unshare', ['--mount', 'true']).status === 0 ? undefined : 'no mount namespace can be made';
})();

const CONFIGURATION = `[Journal]
Storage=volatile
RateLimitIntervalSec=0
RateLimitBurst=0
LineMax=4M
ForwardToSyslog=no
ReadKMsg=no
Audit=no
`;

/** Its /run is ours: what it needs there lies in the directory. It ends with its standard input. */
const SCRIPT = `
set -e
mount --make-rprivate /
mount --bind "$1/run" /run
[ -z "$2" ] || mount --bind "$2" /proc/sys/kernel/random/boot_id
exec ${PROGRAM}
`;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A value with line feeds, or bytes that are no UTF-8, is sent with its length. */
export type SentEntry = Record<string, string | Buffer>;

export class Journald implements AsyncDisposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'runnel-journald-'));
  /** Lines of `journald.conf`, beside those that it always has. */
  readonly #lines: readonly string[];
  #child: ChildProcess | null = null;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** Where its files are. */
  get directory(): string {
    return join(this.#dir, 'run/log/journal');
  }

  /** `boot`: a UUID, in place of that which the machine has given this boot. */
  async start({ boot }: { boot?: string } = {}): Promise<void> {
    const conf = join(this.#dir, 'run/systemd/journald.conf.d');
    spawnSync('mkdir', ['-p', conf, join(this.#dir, 'run/log/journal'), join(this.#dir, 'run/systemd/journal')]);
    writeFileSync(join(conf, 'test.conf'), `${CONFIGURATION}${this.#lines.join('\n')}\n`);
    const socket = this.#socket('socket');
    rmSync(socket, { force: true });
    const id = boot === undefined ? '' : join(this.#dir, 'boot');
    if (boot !== undefined) writeFileSync(id, `${boot}\n`);
    const args = ['--mount', 'bash', '-c', SCRIPT, 'journald', this.#dir, id];
    const child = spawn('unshare', args, { stdio: 'ignore' });
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#child = child;
    await until('journald listens', () => existsSync(socket) && existsSync(this.#file));
  }

  /** In this order, over the native protocol; they are in its files when this resolves. */
  async send(entries: readonly SentEntry[]): Promise<void> {
    await sendDatagrams(this.#socket('socket'), entries.map(datagramOf));
    await this.sync();
  }

  /** A service's standard output. */
  async print(identifier: string, lines: readonly (string | Buffer)[]): Promise<void> {
    const socket = connect(this.#socket('stdout'));
    socket.write(`${identifier}\n\n6\n0\n0\n0\n0\n`);
    for (const line of lines) {
      socket.write(line);
      socket.write('\n');
    }
    socket.end();
    await once(socket, 'close');
    await this.sync();
  }

  /** Resolves when all that was sent before is in its files. */
  async sync(): Promise<void> {
    const mark = join(this.#dir, 'run/systemd/journal/synced');
    rmSync(mark, { force: true });
    await this.#signal('RTMIN+1');
    await until('journald has synced', () => existsSync(mark));
  }

  /** Goes on in new files. */
  async rotate(): Promise<void> {
    const mark = join(this.#dir, 'run/systemd/journal/rotated');
    rmSync(mark, { force: true });
    await this.#signal('USR2');
    await until('journald has rotated', () => existsSync(mark));
  }

  /** Removes all files but the one that is written. */
  async vacuum(): Promise<void> {
    await promisify(execFile)('journalctl', [`--directory=${this.directory}`, '--quiet', '--vacuum-files=1']);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = null;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    // What it has mapped may be given back a little later.
    for (let i = 0; i < 3 && existsSync(this.#dir); i++) {
      rmSync(this.#dir, { recursive: true, force: true });
      await sleep(10);
    }
  }

  #socket(name: string): string {
    return join(this.#dir, 'run/systemd/journal', name);
  }

  get #file(): string {
    const machine = readFileSync('/etc/machine-id', 'utf8').trim();
    return join(this.directory, machine, 'system.journal');
  }

  async #signal(name: string): Promise<void> {
    await promisify(execFile)('kill', ['-s', name, `${this.#child!.pid}`]);
  }
}

/** `lines` of its configuration. */
export async function startJournald(...lines: string[]): Promise<Journald> {
  const journald = new Journald(lines);
  await journald.start();
  return journald;
}

function datagramOf(entry: SentEntry): Buffer {
  const parts = Object.entries(entry).map(([name, value]) => {
    if (typeof value === 'string' && !value.includes('\n')) return Buffer.from(`${name}=${value}\n`);
    const bytes = Buffer.from(value as string);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')]);
  });
  return Buffer.concat(parts);
}
