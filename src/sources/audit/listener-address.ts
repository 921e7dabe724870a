/** Where audit events are taken: `unix:///path`, or `https://host:port`. */
import { Wrong } from '../../config/option.ts';
import { readHostPort, splitHostPort } from '../../config/types.ts';
import type { Where } from '../../http/listen.ts';

const UNIX = 'unix://';
const HTTPS = 'https://';
const DEFAULT_PORT = 8689;
/** What the address of a socket holds. */
const LONGEST_PATH = 107;

/** Throws a Wrong. What comes out can be taken by `whereOf`. */
export function readAuditAddress(text: string): string {
  if (text.startsWith(HTTPS)) {
    return `${HTTPS}${readHostPort(text.slice(HTTPS.length).replace(/\/$/, ''), DEFAULT_PORT, '0.0.0.0:8689')}`;
  }
  if (!text.startsWith(UNIX)) {
    throw new Wrong(
      'must be unix:///path or https://host:port, not {}: without TLS anybody on the way could change events',
    );
  }
  const path = text.slice(UNIX.length);
  if (!path.startsWith('/')) throw new Wrong('must have an absolute path, for example unix:///run/runnel/audit.sock');
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new Wrong(`has a path longer than the ${LONGEST_PATH} bytes that a socket address holds`);
  }
  return text;
}

export function whereOf(address: string): Where {
  if (address.startsWith(UNIX)) return { path: address.slice(UNIX.length) };
  const { host, port } = splitHostPort(address.slice(HTTPS.length));
  return { host, port: port! };
}
