/** An address to listen at: `127.0.0.1:4318`, or `unix:///path`. */
import { type Leaf, leaf, Wrong } from '../../config/option.ts';
import { readHostPort, splitHostPort } from '../../config/types.ts';

export type Endpoint = { host: string; port: number } | { path: string };

const UNIX = 'unix://';
/** What the address of a socket holds. */
const LONGEST_PATH = 107;

/** `defaultPort`: where none is given. What comes out can be parsed by `parseEndpoint`. */
export function endpoint(defaultPort: number, example: string): Leaf<string> {
  return leaf({ label: 'host:port or unix:///path', json: { type: 'string' }, example }, (text) => {
    if (!text.startsWith(UNIX)) return readHostPort(text, defaultPort, example);
    const path = text.slice(UNIX.length);
    if (!path.startsWith('/')) throw new Wrong('must have an absolute path, for example unix:///run/runnel/otlp.sock');
    if (Buffer.byteLength(path) > LONGEST_PATH)
      throw new Wrong(`has a path longer than the ${LONGEST_PATH} bytes that a socket address holds`);
    return text;
  });
}

/** Of an address that the option has let through. */
export function parseEndpoint(address: string): Endpoint {
  if (address.startsWith(UNIX)) return { path: address.slice(UNIX.length) };
  const { host, port } = splitHostPort(address);
  return { host, port: port! };
}
