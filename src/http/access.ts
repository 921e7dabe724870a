/**
 * Who may ask. A page of a stranger that makes a name of its own point at us (DNS rebinding) is known by its Host
 * header; beyond that a listener may want a token or a client's certificate, of which either will do.
 */
import { isIP } from 'node:net';
import { hash, timingSafeEqual } from '../builtin.ts';
import { Refusal } from './answer.ts';
import { splitAddress } from './listen.ts';

export interface Access {
  /** The listener as it was configured, and further names that a Host header may have. Null: any may ask by any name. */
  names: { listen: string; hosts: readonly string[]; option: string } | null;
  /** Asked for as `Authorization: Bearer <token>`. */
  token?: string;
  /** A certificate that the TLS options' authority signed. */
  certificate?: boolean;
  /** Browsers ask here whether a page may send (OPTIONS), and have neither then (Fetch, "CORS-preflight fetch"). */
  preflight?: boolean;
}

/** What a request says of who sends it. */
export interface Credentials {
  /** The Host header, or what HTTP/2 has for it. */
  method: string | undefined;
  host: string | undefined;
  authorization: string | undefined;
  /** Its connection has a certificate that was asked for. */
  certified: boolean;
  /** Why the certificate that it has is not taken for one; null: it has none, or a good one. */
  unfit: string | null;
}

/** Throws a Refusal when the request is not to be served. */
export function authorize(
  { method, host, authorization, certified, unfit }: Credentials,
  { names, token, certificate, preflight }: Access,
): void {
  if (names && !isOurs(host, names)) {
    throw new Refusal(421, 'host', `This name is not one of the agent: add it to ${names.option} to use it.`);
  }
  if ((token === undefined && !certificate) || (preflight && method === 'OPTIONS')) return;
  if (certificate && certified) return;
  if (token !== undefined && isToken(authorization, token)) return;
  const wanted = [certificate && 'a client certificate', token !== undefined && 'a token'].filter(Boolean);
  const why = unfit === null || !certificate ? '' : ` The client certificate ${unfit}.`;
  throw new Refusal(401, 'unauthorized', `This needs ${wanted.join(' or ')}.${why}`, { 'WWW-Authenticate': 'Bearer' });
}

/** Whether a browser that sends this Host header was sent here on purpose. Without one it is no browser. */
function isOurs(header: string | undefined, { listen, hosts }: NonNullable<Access['names']>): boolean {
  if (header === undefined || header === listen) return true;
  const name = splitAddress(header).host.toLowerCase();
  if (isIP(name) > 0 || name === 'localhost' || name.endsWith('.localhost')) return true;
  if (name === splitAddress(listen).host.toLowerCase()) return true;
  return hosts.some((host) => host.toLowerCase() === name || host.toLowerCase() === header.toLowerCase());
}

/** In a time that tells nothing of the token. */
function isToken(header: string | undefined, token: string): boolean {
  const sent = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
  return sent !== undefined && timingSafeEqual(hash('sha256', sent, 'buffer'), hash('sha256', token, 'buffer'));
}
