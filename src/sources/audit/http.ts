/**
 * Audit over HTTP:
 *
 *   POST /v1/audit            one JSON object, or NDJSON: all of it or nothing      201 when it is durable
 *                             (a CloudEvent, too)
 *   GET  /v1/audit/streams    how far each stream is
 *   GET  /v1/audit/key        the public keys of seals
 */
import { isUtf8 } from 'node:buffer';
import type { Answer, Handler, HttpRequest } from '../../http/answer.ts';
import { jsonAnswer, Refusal } from '../../http/answer.ts';
import { CLOUD_EVENT_TYPE, fromCloudEvent } from './cloud-event.ts';
import { type AuditEvent, eventLines, MOST_OF_REQUEST, MOST_REQUEST_BYTES, readEvent, trimmed } from './event.ts';
import type { AuditIntake } from './intake.ts';
import type { KeyValidity } from './keys.ts';
import type { AuditPeer } from './peer.ts';
import { readProducer } from './producers.ts';
import { AuditRefusal, malformed, tryAgain } from './refusal.ts';
import type { AuditRequest, TakenEvents } from './request.ts';
import type { StreamsAccess } from './streams-access.ts';

export interface AuditHttpOptions {
  intake: AuditIntake;
  access: StreamsAccess;
  durability: 'spool' | 'kafka';
  /** How long Kafka is waited for, milliseconds. */
  hold: number;
  required: readonly string[];
  /** Takes secrets out of an event, before anything else sees it; `line`: where it stands in NDJSON. */
  mask(event: Buffer, line?: number): Buffer;
  /** Why nothing is taken now; null: it is. */
  closed(): string | null;
  /** Resolves when Kafka has all that is on the medium now. */
  sent(signal: AbortSignal): Promise<void>;
  streams(): object[];
  keys(): readonly KeyValidity[];
}

const JSON_TYPES = ['application/json', CLOUD_EVENT_TYPE];
const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];
const STREAM = /^[a-z0-9._-]{1,64}$/;
const MOST_WAIT_S = 60;

export function auditHandler(o: AuditHttpOptions): Handler {
  return (request) => {
    const peer = o.access.peer(request);
    if (request.path === '/v1/audit') return posted(request, peer, o);
    const shown = {
      '/v1/audit/streams': () => ({ streams: o.streams() }),
      '/v1/audit/key': () => ({ keys: o.keys() }),
    };
    const show = Object.hasOwn(shown, request.path) ? shown[request.path as keyof typeof shown] : null;
    if (!show) throw new Refusal(404, 'path', `there is /v1/audit, ${Object.keys(shown).join(', ')}`);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new Refusal(405, 'method', 'only GET', { Allow: 'GET, HEAD' });
    }
    return jsonAnswer(200, show());
  };
}

async function posted(request: HttpRequest, peer: AuditPeer, o: AuditHttpOptions): Promise<Answer> {
  const { method, headers } = request;
  if (method !== 'POST') throw new Refusal(405, 'method', 'only POST', { Allow: 'POST' });
  const { type, several, durability, wait } = askedBy(headers, o);
  const closed = o.closed();
  if (closed !== null) throw tryAgain(closed, 5);
  const coming = request.body(MOST_REQUEST_BYTES);
  // What is here is taken in the same turn: what else there is to be done comes while the disk writes.
  const body = coming instanceof Promise ? await coming : coming;
  let taken: TakenEvents;
  try {
    const { events, lines } = several
      ? eventsIn(body, o)
      : { events: [readEvent(o.mask(whole(body, type)), o.required)], lines: null };
    const stream = streamOf(headers['runnel-stream'], peer, events[0]!);
    o.access.admit(stream, peer, events.length);
    taken = await o.intake.take({ stream, events, lines, producer: producerOf(headers), peer: peer.text });
  } finally {
    // What was taken of it is in the log.
    request.discard();
  }
  if (durability === 'kafka') await sent(o, wait);
  const { stream, first, last, hash, duplicate } = taken;
  return jsonAnswer(201, { stream, first, last, hash, durable: durability, duplicate });
}

interface Asked {
  /** Content-Type, without what else it says. */
  type: string;
  /** NDJSON. */
  several: boolean;
  durability: 'spool' | 'kafka';
  /** For Kafka, milliseconds. */
  wait: number;
}

/** Of headers that come again, as they are: those that http/plain-head.ts has read. */
const asked = new WeakMap<HttpRequest['headers'], { by: AuditHttpOptions; asked: Asked }>();

function askedBy(headers: HttpRequest['headers'], o: AuditHttpOptions): Asked {
  const before = asked.get(headers);
  if (before?.by === o) return before.asked;
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const several = NDJSON_TYPES.includes(type);
  if (!several && !JSON_TYPES.includes(type)) {
    const types = 'application/json, application/x-ndjson or application/cloudevents+json';
    throw new AuditRefusal(415, 'content_type', `Content-Type may be ${types}`);
  }
  const now: Asked = { type, several, ...preferred(headers.prefer, o) };
  if (Object.isFrozen(headers)) asked.set(headers, { by: o, asked: now });
  return now;
}

function whole(body: Buffer, type: string): Buffer {
  const bytes = trimmed(body);
  if (bytes.length === 0) throw malformed('is empty', {});
  return type === CLOUD_EVENT_TYPE ? fromCloudEvent(bytes) : bytes;
}

function eventsIn(body: Buffer, { required, mask }: AuditHttpOptions): { events: AuditEvent[]; lines: number[] } {
  const lines = eventLines(body);
  if (lines.length === 0) throw malformed('is missing: the body is empty', {});
  if (lines.length > MOST_OF_REQUEST) {
    throw new AuditRefusal(413, 'too_large', `a request may have at most ${MOST_OF_REQUEST} events`);
  }
  const utf8 = isUtf8(body);
  const events = lines.map(({ bytes, line }) => {
    const masked = mask(bytes, line);
    return readEvent(masked, required, line, masked === bytes ? utf8 || isUtf8(bytes) : isUtf8(masked));
  });
  return { events, lines: lines.map(({ line }) => line) };
}

/** `Runnel-Stream`, else who sends, else what the event says, else the user. */
function streamOf(header: string | string[] | undefined, peer: AuditPeer, { service }: AuditEvent): string {
  if (header !== undefined) return checked(String(header).trim(), 'Runnel-Stream');
  const known = peer.token ?? peer.certificate;
  if (known !== null) return checked(known.toLowerCase(), 'the name of the token or certificate');
  if (service !== null) return checked(service.toLowerCase(), 'service.name');
  if (peer.credentials) return `uid-${peer.credentials.uid}`;
  throw malformed('says no stream: send Runnel-Stream', { field: 'Runnel-Stream' });
}

function checked(name: string, from: string): string {
  if (STREAM.test(name)) return name;
  const what = `is of no stream: ${from} must be 1 to 64 of a-z, 0-9, dot, - and _; send Runnel-Stream`;
  throw malformed(what, { field: from });
}

function producerOf(headers: HttpRequest['headers']): AuditRequest['producer'] {
  const header = headers['runnel-producer'];
  if (header === undefined) return null;
  const producer = readProducer(String(header));
  if (producer) return producer;
  throw malformed('has no good Runnel-Producer: ID;epoch=N;sequence=N, from 1 on', { field: 'Runnel-Producer' });
}

/** RFC 7240: what is not understood is passed over. */
function preferred(
  header: string | string[] | undefined,
  { durability, hold }: AuditHttpOptions,
): { durability: 'spool' | 'kafka'; wait: number } {
  const said = { durability, wait: hold };
  if (header === undefined) return said;
  for (const part of String(header).split(',')) {
    const [, name, value] = /^\s*([\w-]+)\s*=\s*"?([\w-]+)"?/.exec(part) ?? [];
    if (name?.toLowerCase() === 'durability' && (value === 'kafka' || value === 'spool')) said.durability = value;
    if (name?.toLowerCase() === 'wait' && /^\d{1,4}$/.test(value!))
      said.wait = Math.min(Number(value), MOST_WAIT_S) * 1000;
  }
  return said;
}

async function sent(o: AuditHttpOptions, wait: number): Promise<void> {
  try {
    await o.sent(AbortSignal.timeout(wait));
  } catch {
    throw tryAgain('it is in the local log, and Kafka has not acknowledged it in time');
  }
}
