/** POSTs a body; what it is answered is told in full, redirects are not followed. */
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request } from '../../builtin.ts';
import { lookupName } from '../../core/names.ts';
import type { Delivered } from './channel.ts';

/** What of an answer is read. */
const LONGEST_ANSWER = 4096;
const LONGEST_AFTER_MS = 3_600_000;

export interface Posted {
  code: number;
  body: string;
  /** Milliseconds to wait, where it says so. */
  after?: number;
  /** What time it is there, milliseconds since the epoch. */
  date: number | null;
}

/** What says that nobody was reached. */
const NOBODY = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];

/** There was no answer. */
class Unanswered extends Error {
  /** It may have been taken all the same. */
  readonly unknown: boolean;

  constructor(message: string, unknown: boolean) {
    super(message);
    this.unknown = unknown;
  }
}

/** Rejects with Unanswered where there is no answer in time. The address is in no message: it may be a secret. */
export async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  { timeout, signal }: { timeout: number; signal: AbortSignal },
): Promise<Posted> {
  const address = new URL(url);
  const send = address.protocol === 'https:' ? (await import('node:https')).request : request;
  const bytes = Buffer.from(body);
  const all = {
    'Content-Type': 'application/json',
    'User-Agent': 'runnel',
    ...headers,
    'Content-Length': bytes.length,
  };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  const options: RequestOptions = { method: 'POST', headers: all, signal: limit, agent: false, lookup: lookupName };
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      send(address, options, resolve).on('error', reject).end(bytes);
    });
    return await read(answer);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (limit.aborted) throw new Unanswered(`${address.host} has not answered for ${timeout / 1000} s`, true);
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Unanswered(`${address.host}: ${code ?? message}`, !NOBODY.includes(code ?? ''));
  }
}

async function read(answer: IncomingMessage): Promise<Posted> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= LONGEST_ANSWER) break;
  }
  answer.destroy();
  const { 'retry-after': after, date } = answer.headers;
  const body = Buffer.concat(chunks).subarray(0, LONGEST_ANSWER).toString();
  const time = date === undefined ? Number.NaN : Date.parse(date);
  const wait =
    after === undefined ? Number.NaN : /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
  return {
    code: answer.statusCode!,
    body,
    ...(wait > 0 && { after: Math.min(wait, LONGEST_AFTER_MS) }),
    date: Number.isNaN(time) ? null : time,
  };
}

/** POSTs a message and judges what it is answered. */
export async function told(...sent: Parameters<typeof post>): Promise<Delivered> {
  try {
    return judged(await post(...sent));
  } catch (error) {
    if (sent[3].signal.aborted) throw error;
    const { message, unknown = true } = error as Unanswered;
    return { done: false, error: message, unknown };
  }
}

/** 2xx is delivered; 429, 5xx and no answer are tried again; all else is refused, redirects too. */
function judged({ code, body, after }: Posted): Delivered {
  if (code >= 200 && code < 300) return { done: true };
  const said = body
    .trim()
    .split('\n', 1)[0]!
    .slice(0, 200)
    .replace(/[\x00-\x1f\x7f]/g, ' ');
  const error = `it answers ${code}${said === '' ? '' : `: ${said}`}`;
  if (code === 429 || code === 408 || code >= 500) return { done: false, error, ...(after !== undefined && { after }) };
  if (code >= 300 && code < 400)
    return { done: 'refused', error: `${error} (redirects are not followed: name the address itself)` };
  return { done: 'refused', error };
}
