/** Who sends: the user of a process on this machine, a certificate, or a token. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { hash, timingSafeEqual } from '../../builtin.ts';
import { datagramsAvailable, type PeerCredentials, peerCredentials } from '../../native/sockets.ts';

export interface AuditPeer {
  /** On a unix socket; null: elsewhere, or this Node does not tell. */
  credentials: PeerCredentials | null;
  /** Name of the token that was sent. */
  token: string | null;
  /** Common name of the client's certificate, as it stands there; one of the configured authorities has signed it. */
  certificate: string | null;
  /** As it is recorded. */
  text: string;
}

/** `tokens`: by their names, sha-256 in hex. */
export function auditPeer(
  socket: Socket,
  authorization: string | undefined,
  tokens: Readonly<Record<string, string>>,
): AuditPeer {
  const tls = 'authorized' in socket ? (socket as TLSSocket) : null;
  if (!tls) return local.get(socket) ?? localPeer(socket);
  const certificate = tls.authorized ? firstOf(tls.getPeerCertificate().subject?.CN) : null;
  const token = tokenOf(authorization, tokens);
  return { credentials: null, token, certificate, text: peerText(certificate, token) };
}

/** Names as they are recorded: whoever has a certificate made with a semicolon in it is not two. */
export function peerText(certificate: string | null, token: string | null): string {
  const known = [
    certificate !== null && `certificate=${escaped(certificate)}`,
    token !== null && `token=${escaped(token)}`,
  ];
  return known.filter(Boolean).join(';');
}

/** What is no printable ASCII, semicolons and percent signs as %XX of UTF-8. */
function escaped(name: string): string {
  return name.toWellFormed().replace(/[^\x20-\x7e]|[;%]/gu, encodeURIComponent);
}

/** They do not change while it is open. */
const local = new WeakMap<Socket, AuditPeer>();

function localPeer(socket: Socket): AuditPeer {
  const credentials = credentialsOf(socket);
  const text = credentials === null ? 'unix' : `uid=${credentials.uid};gid=${credentials.gid};pid=${credentials.pid}`;
  const peer: AuditPeer = { credentials, token: null, certificate: null, text };
  if (credentials) local.set(socket, peer);
  return peer;
}

/** Node's handle is not its public API: where it is another one some day, nobody is known by their user. */
function credentialsOf(socket: Socket): PeerCredentials | null {
  const { fd } = (socket as unknown as { _handle?: { fd?: number } })._handle ?? {};
  return typeof fd === 'number' && fd >= 0 && datagramsAvailable() ? peerCredentials(fd) : null;
}

/** In a time that does not tell which one is nearly right. */
function tokenOf(header: string | undefined, tokens: Readonly<Record<string, string>>): string | null {
  const sent = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
  if (sent === undefined) return null;
  const digest = hash('sha256', sent, 'buffer');
  let found: string | null = null;
  for (const [name, hex] of Object.entries(tokens)) if (timingSafeEqual(digest, Buffer.from(hex, 'hex'))) found = name;
  return found;
}

function firstOf(name: string | string[] | undefined): string | null {
  return (Array.isArray(name) ? name[0] : name) ?? null;
}
