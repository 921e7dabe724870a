/**
 * Who is logged in. systemd-logind keeps a file for each user and session; where it does not run, utmp has an entry of 384
 * bytes for each terminal: type (7: a user's), then at 44 the name.
 */
import type { Check } from './check.ts';
import type { HostFiles } from './files.ts';

export interface LoggedIn {
  users: number;
  sessions: number;
}

const UTMP = '/run/utmp';
const ENTRY_BYTES = 384;
const USER_PROCESS = 7;
const NAME_AT = 44;
const NAME_BYTES = 32;

export function parseUtmp(bytes: Buffer): LoggedIn {
  const names = new Set<string>();
  let sessions = 0;
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    if (bytes.readInt32LE(at) !== USER_PROCESS) continue;
    sessions++;
    const name = bytes.toString('latin1', at + NAME_AT, at + NAME_AT + NAME_BYTES);
    names.add(name.replace(/\0.*$/s, ''));
  }
  return { users: names.size, sessions };
}

/** Of logind's folders: files named by number; a session's FIFO (`.ref`) is none. */
export function countLogind(users: readonly string[], sessions: readonly string[]): LoggedIn {
  return {
    users: users.filter((name) => /^\d+$/.test(name)).length,
    sessions: sessions.filter((name) => /^\w+$/.test(name)).length,
  };
}

const USERS = '/run/systemd/users';
const SESSIONS = '/run/systemd/sessions';

export function users(host: HostFiles): Check {
  let changed = '';
  let found: LoggedIn | null = null;
  return (meter) => {
    // What is not there is NaN.
    const sessions = host.changed(SESSIONS);
    const now = Number.isNaN(sessions) ? `${host.changed(UTMP)}` : `${sessions} ${host.changed(USERS)}`;
    if (now !== changed) {
      found = look(host);
      changed = now;
    }
    if (found === null) return;
    meter.gauge('system.linux.users', found.users, '{user}');
    meter.gauge('system.linux.sessions', found.sessions, '{session}');
  };
}

/** Null: nobody says it. */
function look(host: HostFiles): LoggedIn | null {
  if (host.has(SESSIONS)) return countLogind(host.list(USERS), host.list(SESSIONS));
  return host.has(UTMP) ? parseUtmp(host.bytes(UTMP)) : null;
}
