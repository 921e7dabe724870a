/** Addresses to listen at. */
import { nearest } from './errors.ts';
import { Wrong } from './option.ts';
import { splitHostPort } from './types.ts';

/** Where something listens: `udp://127.0.0.1:8125`, `tcp://[::1]:8125`, `unixgram:///run/x.sock`, `unixstream:///run/x.sock`. */
export type ListenAddress =
  | { kind: 'udp' | 'tcp'; host: string; port: number }
  | { kind: 'unixgram' | 'unixstream'; path: string };

const LISTENERS = ['udp', 'tcp', 'unixgram', 'unixstream'];

/** Throws Wrong. `unix://` means `unixgram://`. */
export function parseListener(address: string): ListenAddress {
  const match = /^([a-z]+):\/\/(.*)$/.exec(address);
  if (!match && /^:?\d{1,5}$|^[\w.-]*:\d{1,5}$/.test(address)) {
    const [host, port] = address.includes(':') ? address.split(':') : ['', address];
    throw new Wrong(`needs udp:// and an address: write udp://${host || '127.0.0.1'}:${port}`);
  }
  if (!match)
    throw new Wrong(
      'must begin with udp://, tcp://, unixgram:// or unixstream://, for example udp://127.0.0.1:8125, not {}',
    );
  const kind = match[1] === 'unix' ? 'unixgram' : match[1]!;
  const rest = match[2]!;
  if (!LISTENERS.includes(kind)) {
    const near = nearest(kind, LISTENERS);
    throw new Wrong(
      `has an unknown scheme ${kind}://: use udp, tcp, unixgram or unixstream${near ? `; did you mean ${near}?` : ''}`,
    );
  }
  if (kind === 'unixgram' || kind === 'unixstream') {
    if (!rest.startsWith('/'))
      throw new Wrong(`must have an absolute path, for example ${kind}:///run/runnel/statsd.sock`);
    if (Buffer.byteLength(rest) > 107)
      throw new Wrong('has a path longer than the 107 bytes that a socket address holds');
    return { kind, path: rest };
  }
  if (rest.startsWith(':'))
    throw new Wrong(
      `needs an address: write ${kind}://0.0.0.0${rest} for all, ${kind}://127.0.0.1${rest} for this machine`,
    );
  const { host, port } = splitHostPort(rest);
  if (port === null) throw new Wrong(`needs a port, for example ${kind}://127.0.0.1:8125`);
  return { kind: kind as 'udp' | 'tcp', host, port };
}
