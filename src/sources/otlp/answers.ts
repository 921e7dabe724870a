/**
 * What clients are answered, in the content type that they sent (OTLP specification, "OTLP/HTTP Response"):
 *
 *   taken     Export<Signal>ServiceResponse   1 partial_success { 1 rejected_<items> int64, 2 error_message string }
 *   refused   google.rpc.Status               1 code, 2 message
 */
import type { IncomingMessage } from 'node:http';
import { type Answer, type Refusal, textAnswer } from '../../http/answer.ts';
import { bytesField, CODES, statusMessage, varintField } from '../../http/grpc/status.ts';
import type { Signal } from './options.ts';
import type { RequestContent } from './request/reader.ts';

export const CONTENT_TYPES: {
  readonly protobuf: 'application/x-protobuf';
  readonly json: 'application/json';
} = { protobuf: 'application/x-protobuf', json: 'application/json' };

/** What it is called in an answer. */
const REJECTED: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
};

const RPC_CODES: Readonly<Record<number, number>> = {
  400: CODES.INVALID_ARGUMENT,
  401: CODES.UNAUTHENTICATED,
  404: CODES.UNIMPLEMENTED,
  405: CODES.UNIMPLEMENTED,
  413: CODES.RESOURCE_EXHAUSTED,
  415: CODES.INVALID_ARGUMENT,
  421: CODES.PERMISSION_DENIED,
  503: CODES.UNAVAILABLE,
};

/** Of what was not taken though the request was good. */
export interface PartialSuccess {
  items: number;
  message: string;
}

const NOTHING = Buffer.alloc(0);

/** As protobuf; empty where all was taken. */
export function response({ items, message }: PartialSuccess): Buffer {
  if (items === 0 && message === '') return NOTHING;
  const text = Buffer.from(message);
  const partial = Buffer.concat([varintField(1, items), ...(text.length > 0 ? [bytesField(2, text)] : [])]);
  return bytesField(1, partial);
}

export function taken(signal: Signal, content: RequestContent, rejected: PartialSuccess): Answer {
  const { items, message } = rejected;
  if (content === 'protobuf') return { code: 200, type: CONTENT_TYPES.protobuf, body: [response(rejected)] };
  const partialSuccess = { [REJECTED[signal]]: String(items), errorMessage: message };
  const body = items === 0 && message === '' ? '{}' : JSON.stringify({ partialSuccess });
  return { code: 200, type: CONTENT_TYPES.json, body };
}

/** What a client says that it sends; null: nothing that is known. */
export function contentOf(type: string | undefined): RequestContent | null {
  const name = type?.split(';', 1)[0]?.trim().toLowerCase();
  return name === CONTENT_TYPES.protobuf ? 'protobuf' : name === CONTENT_TYPES.json ? 'json' : null;
}

/** A refusal as the client reads it. */
export function refusal(
  { headers }: Pick<IncomingMessage, 'headers'>,
  { code, message, headers: more }: Refusal,
): Answer {
  const content = contentOf(headers['content-type']);
  if (content === null) return { ...textAnswer(code, message), headers: more };
  const rpc = RPC_CODES[code] ?? CODES.INTERNAL;
  const body = content === 'json' ? JSON.stringify({ code: rpc, message }) : [statusMessage(rpc, message, null)];
  return { code, type: CONTENT_TYPES[content], headers: more, body };
}
