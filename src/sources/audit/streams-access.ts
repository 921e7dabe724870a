/** Who may write which stream, and how much. Without `audit.streams` whoever may open the socket may write any. */
import { readFileSync } from 'node:fs';
import type { HttpRequest } from '../../http/answer.ts';
import type { AuditConfig } from './options.ts';
import { type AuditPeer, auditPeer } from './peer.ts';
import { AuditRefusal } from './refusal.ts';

interface Rated {
  /** Events a second. */
  readonly rate: number;
  tokens: number;
  at: number;
}

export class StreamsAccess {
  readonly #o: AuditConfig;
  readonly #rates = new Map<string, Rated>();

  constructor(options: AuditConfig) {
    this.#o = options;
    for (const [name, { rate }] of Object.entries(options.streams)) {
      if (rate !== undefined) this.#rates.set(name, { rate, tokens: rate, at: performance.now() });
    }
  }

  /** Throws an AuditRefusal where nobody knows who it is. */
  peer({ socket, headers }: HttpRequest): AuditPeer {
    const peer = auditPeer(socket, headers.authorization, this.#o.tokens);
    if (!('authorized' in socket) || peer.certificate !== null || peer.token !== null) return peer;
    throw new AuditRefusal(
      401,
      'unauthorized',
      'this needs a client certificate or a token',
      {},
      { 'WWW-Authenticate': 'Bearer' },
    );
  }

  /** Throws an AuditRefusal where the peer may not write so many events there now. */
  admit(stream: string, peer: AuditPeer, events: number): void {
    const { streams } = this.#o;
    if (Object.keys(streams).length === 0) return;
    const allow = Object.hasOwn(streams, stream) ? streams[stream]!.allow : [];
    if (!allow.some((one) => matches(one, peer))) {
      throw new AuditRefusal(
        403,
        'forbidden',
        `${peer.text || 'this peer'} may not write stream ${stream}: see audit.streams`,
      );
    }
    const rated = this.#rates.get(stream);
    if (rated) this.#take(stream, rated, events);
  }

  #take(stream: string, rated: Rated, events: number): void {
    const now = performance.now();
    rated.tokens = Math.min(rated.rate, rated.tokens + ((now - rated.at) / 1000) * rated.rate);
    rated.at = now;
    // A request that is larger than a second's share waits for a whole one.
    const needed = Math.min(events, rated.rate);
    if (rated.tokens < needed) {
      const seconds = Math.max(1, Math.ceil((needed - rated.tokens) / rated.rate));
      const what = `stream ${stream} may have ${rated.rate} events a second`;
      throw new AuditRefusal(429, 'rate', what, {}, { 'Retry-After': String(seconds) });
    }
    rated.tokens -= events;
  }
}

type Allowed = AuditConfig['streams'][string]['allow'][number];

function matches({ uid, token, certificate }: Allowed, peer: AuditPeer): boolean {
  if (token !== undefined) return peer.token === token;
  if (certificate !== undefined) return peer.certificate === certificate;
  if (uid === undefined || !peer.credentials) return false;
  return /^\d+$/.test(uid) ? Number(uid) === peer.credentials.uid : userOf(uid) === peer.credentials.uid;
}

/** Names do not change under a running agent: they are looked up at first use. */
const users = new Map<string, number>();

function userOf(name: string): number | null {
  if (users.size === 0) {
    for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
      const [user, , uid] = line.split(':');
      if (user && uid) users.set(user, Number(uid));
    }
  }
  return users.get(name) ?? null;
}
