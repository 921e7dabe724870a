/**
 * The head of a request that leaves nothing to interpret, read without node:http's parser and its streams, which take three
 * times as long for a small body:
 *
 *   POST /v1/audit HTTP/1.1            a path of letters, digits, dashes
 *   Host: localhost                    names once each, visible ASCII, one space before the value
 *   Content-Length: 514                and so many bytes are there, no more and no less
 *
 * It is meant to take what clients send, and to be unsure of all else: that goes to node:http, which knows what it means
 * and what is wrong with it. So nothing is refused here.
 */
import type { IncomingHttpHeaders } from 'node:http';

export interface PlainHead {
  path: string;
  headers: IncomingHttpHeaders;
  /** Bytes of the head with the empty line behind it. */
  length: number;
  /** Of the body. */
  body: number;
}

const REQUEST_LINE = /^POST ((?:\/[\w-]+)+) HTTP\/1\.1$/;
const FIELD = /^([A-Za-z][A-Za-z-]*): ([!-~](?:[ -~]*[!-~])?)$/;
const LENGTH = /^\d{1,9}$/;
/** What a body is, or what becomes of the connection, is said otherwise than by Content-Length. */
const NOT_PLAIN = new Set([
  'connection',
  'content-encoding',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const MOST_FIELDS = 32;

/** `text`: a head up to its last line's end, that line's included. Null: it is not plain. */
export function readPlainHead(text: string): PlainHead | null {
  const [first, ...lines] = text.slice(0, -2).split('\r\n');
  const path = REQUEST_LINE.exec(first!)?.[1];
  if (path === undefined || lines.length > MOST_FIELDS) return null;
  const headers: IncomingHttpHeaders = {};
  for (const line of lines) {
    const field = FIELD.exec(line);
    if (!field) return null;
    const name = field[1]!.toLowerCase();
    if (Object.hasOwn(headers, name)) return null;
    const keeps = name === 'connection' && field[2]!.toLowerCase() === 'keep-alive';
    if (NOT_PLAIN.has(name) && !keeps) return null;
    headers[name] = field[2]!;
  }
  const body = headers['content-length'];
  if (headers.host === undefined || body === undefined || !LENGTH.test(body)) return null;
  return { path, headers: Object.freeze(headers), length: text.length + 2, body: Number(body) };
}
