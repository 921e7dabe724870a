/** One call and its answer. */
import type { IncomingHttpHeaders } from 'node:http2';
import { authorize, type Credentials } from '../access.ts';
import type { HeldBody } from '../held-body.ts';
import { CHECK, SERVING, serviceIn, WATCH } from './health.ts';
import { asGrpc, CallShare, framed, inflated, MESSAGE_ENCODINGS, received, timeoutOf } from './message.ts';
import { passBy } from './reads.ts';
import type { GrpcServer, OpenCall } from './server.ts';
import { CODES, GrpcError, percentEncoded, statusMessage } from './status.ts';

const TYPE = 'application/grpc';
const MAX_HEALTH = 1024;
/** Of HTTP/2 (RFC 9113, section 7). */
const NO_ERROR = 0;
/** So long after its answer a call may go on sending. */
const LEAVE_MS = 50;

/** What a method is given. */
export interface GrpcCall {
  /** For how long the client waits from when it sent this, milliseconds; null: it does not say. */
  readonly timeout: number | null;
  /** What it sent, inflated, in pieces; of at most `max` bytes. Throws a GrpcError, or a Refusal. */
  message(max: number): Promise<readonly Buffer[]>;
  /** Nobody looks at the message any more, nor will: its memory is given back at once. */
  discard(): void;
}

/** Resolves when it is answered. */
export async function serve(
  server: GrpcServer,
  open: OpenCall,
  headers: IncomingHttpHeaders,
  certificate: Pick<Credentials, 'certified' | 'unfit'>,
): Promise<void> {
  const { stream } = open;
  const type = String(headers['content-type'] ?? '');
  if (headers[':method'] !== 'POST' || !type.startsWith(TYPE)) {
    server.refuse('content_type');
    stream.respond({ ':status': headers[':method'] === 'POST' ? 415 : 405 }, { endStream: true });
    finish(open);
    return;
  }
  const taken = new CallShare(server.budget);
  try {
    const host = headers[':authority'] ?? headers.host;
    authorize({ method: 'POST', host, authorization: headers.authorization, ...certificate }, server.access);
    let held: HeldBody | null = null;
    const message = async (max: number) => {
      enter(open, 'message');
      const came = await received(stream, max, taken, () => {
        open.touched = performance.now();
      });
      enter(open, 'work');
      server.bytes += came.bytes;
      const whole = await inflated(came, headers['grpc-encoding'] as string | undefined, max, taken);
      held = whole.held;
      return whole.pieces;
    };
    const path = String(headers[':path']);
    if (path === WATCH) return await watch(server, open, await message(MAX_HEALTH));
    const answer = await answered(server, path, {
      timeout: timeoutOf(headers['grpc-timeout'] as string | undefined),
      message,
      discard: () => held?.letGo(),
    });
    if (stream.destroyed || stream.closed) return;
    enter(open, 'send');
    respond(open);
    stream.end(framed(answer));
  } catch (error) {
    fail(server, open, asGrpc(error as Error));
  } finally {
    taken.give();
  }
}

async function answered(server: GrpcServer, path: string, call: GrpcCall): Promise<Buffer> {
  if (path === CHECK) {
    known(server, await call.message(MAX_HEALTH));
    return SERVING;
  }
  const method = server.methods.get(path);
  if (!method) throw new GrpcError('UNIMPLEMENTED', 'method', `there is no ${path} here`);
  return method(call);
}

/** Throws where the service that is asked for is none of these. */
function known({ methods }: GrpcServer, message: readonly Buffer[]): void {
  const service = serviceIn(Buffer.concat(message));
  if (service === null) throw new GrpcError('INVALID_ARGUMENT', 'malformed', 'this is no HealthCheckRequest');
  if (service === '' || [...methods.keys()].some((path) => path.startsWith(`/${service}/`))) return;
  throw new GrpcError('NOT_FOUND', 'method', `there is no service ${service} here`);
}

async function watch(server: GrpcServer, open: OpenCall, message: readonly Buffer[]): Promise<void> {
  known(server, message);
  respond(open);
  server.watchers.add(open.stream);
}

/** With the trailers of a call that went well. */
function respond({ stream }: OpenCall): void {
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.respond(
    { ':status': 200, 'content-type': TYPE, 'grpc-accept-encoding': MESSAGE_ENCODINGS },
    { waitForTrailers: true },
  );
}

function fail(server: GrpcServer, open: OpenCall, { code, reason, message, retryAfter }: GrpcError): void {
  const { stream } = open;
  server.refuse(reason);
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  const number = CODES[code];
  const headers: Record<string, string | number> = {
    ':status': 200,
    'content-type': TYPE,
    'grpc-status': number,
    'grpc-message': percentEncoded(message),
    'grpc-accept-encoding': MESSAGE_ENCODINGS,
  };
  if (retryAfter !== null) {
    headers['grpc-status-details-bin'] = statusMessage(number, message, retryAfter).toString('base64');
  }
  stream.respond(headers, { endStream: true });
  finish(open);
}

/** It is answered: what else it sends is not wanted. Not at once, or it would not get its answer. */
function finish({ stream }: OpenCall): void {
  passBy(stream);
  if (!stream.readableEnded) setTimeout(() => stream.close(NO_ERROR), LEAVE_MS).unref();
}

function enter(open: OpenCall, phase: OpenCall['phase']): void {
  open.phase = phase;
  open.since = performance.now();
  open.touched = open.since;
}
