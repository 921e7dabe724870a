/** The zone of this machine: what libc makes of TZ, which is more than what Intl does. */
import { readFileSync, realpathSync } from 'node:fs';
import { posixZone } from '../kernel/process/posix-zone.ts';
import { isZone } from '../kernel/process/zones.ts';

const UTC = 'UTC';
/** Below a directory of zones: their names; `posix` and `right` are of other counts of seconds. */
const FILE = /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/;

/**
 * `tz`: TZ of the environment, a zone's name, the path of its file, or POSIX's rules for one; a colon may stand before it.
 * Undefined: the zone of `file`. What nobody knows is UTC, as for everybody else on this machine.
 */
export function localZone(tz: string | undefined = process.env.TZ, file = '/etc/localtime'): string {
  if (tz === undefined) return ofFile(file);
  const text = tz.replace(/^:/, '');
  if (text.startsWith('/')) return ofFile(text);
  const name = text.replace(/^(?:posix|right)\//, '');
  return isKnown(name) ? name : UTC;
}

function isKnown(zone: string): boolean {
  return isZone(zone) || posixZone(zone) !== null;
}

function ofFile(path: string): string {
  try {
    const name = FILE.exec(realpathSync(path))?.[1];
    if (name !== undefined && isZone(name)) return name;
    // A copy: its last line has the rules that hold from now on (RFC 9636, 3.3).
    const rules = /\n(.*)\n$/.exec(readFileSync(path, 'latin1'))?.[1] ?? '';
    return isKnown(rules) ? rules : UTC;
  } catch {
    return UTC;
  }
}
