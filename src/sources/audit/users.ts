/**
 * Users by their names, as `allow` has them: those of /etc/passwd, and those that LDAP or SSSD know, whom getent(1) asks for.
 * Who is not known is asked for again, as that may be away while a machine starts.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { log } from '../../log.ts';

const GETENT_MS = 5000;
const AGAIN_MS = 60_000;
const run = promisify(execFile);

export class Users {
  readonly #ids = new Map<string, number>();
  readonly #wanted: readonly string[];
  #looked = 0;
  #looking: Promise<void> | null = null;

  /** `wanted`: the names that are asked for; numbers need no looking for. */
  constructor(wanted: readonly string[]) {
    this.#wanted = [...new Set(wanted)].filter((name) => !isNumber(name));
  }

  /** Null: nobody is known by this name. */
  idOf(name: string): number | null {
    return isNumber(name) ? Number(name) : (this.#ids.get(name) ?? null);
  }

  /** Looks for those who are not known. Resolves when that is over, and never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
      this.#looked = performance.now();
    });
    return this.#looking;
  }

  /** Somebody was refused who may be one of those who are not known. */
  lookAgain(): void {
    if (this.#unknown().length > 0 && performance.now() - this.#looked >= AGAIN_MS) void this.look();
  }

  #unknown(): string[] {
    return this.#wanted.filter((name) => !this.#ids.has(name));
  }

  async #look(): Promise<void> {
    if (this.#unknown().length === 0) return;
    this.#take(await readFile('/etc/passwd', 'utf8').catch(() => ''));
    for (const name of this.#unknown()) {
      // It says by its code that there is nobody; where it is missing, or its server does not answer, nobody is known.
      const asked = run('getent', ['passwd', '--', name], { timeout: GETENT_MS, killSignal: 'SIGKILL' });
      this.#take(await asked.then(({ stdout }) => stdout).catch(() => ''));
    }
    for (const name of this.#unknown()) {
      log.warnOnce(
        `audit user ${name}`,
        `audit.streams: no user ${name} is known on this machine, so allow lets in nobody by that name; it is asked for again when somebody is refused; the number of the user needs no asking`,
      );
    }
  }

  #take(passwd: string): void {
    for (const line of passwd.split('\n')) {
      const [user, , uid] = line.split(':');
      if (user && uid && isNumber(uid) && this.#wanted.includes(user)) this.#ids.set(user, Number(uid));
    }
  }
}

function isNumber(name: string): boolean {
  return /^\d+$/.test(name);
}
