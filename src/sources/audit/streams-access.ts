/** Who may write which stream, and how much. Without `audit.streams` whoever may open the socket may write any. */
import type { HttpRequest } from '../../http/answer.ts';
import { certificateOf } from '../../http/tls.ts';
import type { AuditConfig } from './options.ts';
import { type AuditPeer, auditPeer } from './peer.ts';
import { AuditRefusal } from './refusal.ts';
import { Users } from './users.ts';

interface Rated {
  /** Events a second. */
  readonly rate: number;
  tokens: number;
  at: number;
}

export class StreamsAccess {
  readonly #o: AuditConfig;
  readonly #rates = new Map<string, Rated>();
  readonly #users: Users;

  private constructor(options: AuditConfig) {
    this.#o = options;
    const allowed = Object.values(options.streams).flatMap(({ allow }) => allow);
    this.#users = new Users(allowed.flatMap(({ uid }) => (uid === undefined ? [] : [uid])));
    for (const [name, { rate }] of Object.entries(options.streams)) {
      if (rate !== undefined) this.#rates.set(name, { rate, tokens: rate, at: performance.now() });
    }
  }

  /** Resolves when the users that it names were looked for. */
  static async of(options: AuditConfig): Promise<StreamsAccess> {
    const access = new StreamsAccess(options);
    await access.#users.look();
    return access;
  }

  /** Throws an AuditRefusal where nobody knows who it is. */
  peer({ socket, headers }: HttpRequest): AuditPeer {
    const peer = auditPeer(socket, headers.authorization, this.#o.tokens);
    if (!('authorized' in socket) || peer.certificate !== null || peer.token !== null) return peer;
    const { unfit } = certificateOf(socket);
    const why = unfit === null ? '' : `; the client certificate ${unfit}`;
    const message = `this needs a client certificate or a token${why}`;
    throw new AuditRefusal(401, 'unauthorized', message, {}, { 'WWW-Authenticate': 'Bearer' });
  }

  /** Throws an AuditRefusal where the peer may not write so many events there now. */
  admit(stream: string, peer: AuditPeer, events: number): void {
    const { streams } = this.#o;
    if (Object.keys(streams).length === 0) return;
    const allow = Object.hasOwn(streams, stream) ? streams[stream]!.allow : [];
    if (!allow.some((one) => this.#matches(one, peer))) {
      this.#users.lookAgain();
      throw new AuditRefusal(
        403,
        'forbidden',
        `${peer.text || 'this peer'} may not write stream ${stream}: see audit.streams`,
      );
    }
    const rated = this.#rates.get(stream);
    if (rated) this.#take(stream, rated, events);
  }

  #matches({ uid, token, certificate }: Allowed, peer: AuditPeer): boolean {
    if (token !== undefined) return peer.token === token;
    if (certificate !== undefined) return peer.certificate === certificate;
    return uid !== undefined && peer.credentials !== null && this.#users.idOf(uid) === peer.credentials.uid;
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
