/** The way to an agent: `POST /v1/audit` over its unix socket, or over https with a token or a certificate. */
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';

/** Connections at once: more requests than that wait here, not at the agent. */
const CONNECTIONS = 16;
/** An answer is short; the longest names the lines of a request. */
const ANSWER_BYTES = 1024 * 1024;
const ANSWER_MS = 30_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;
const LONGEST_RETRY_AFTER_MS = 5000;

/** Where the agent is: `socket`, or `url` with what it asks for. */
export interface AgentAddress {
  /** Path of its unix socket: /run/runnel/audit.sock. */
  socket?: string | undefined;
  /** Of its https listener: https://web-1:8689. */
  url?: string | undefined;
  /** Sent as `Authorization: Bearer`. */
  token?: string | undefined;
  /** PEM, as node:tls takes it: who signed the agent's certificate; the client's own. */
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
}

/** What the agent answered. A body that is no JSON object is an empty one. */
export interface AgentAnswer {
  status: number;
  body: Record<string, unknown>;
  /** How long it asks to wait, milliseconds; 0: it does not say. */
  retryAfter_ms: number;
}

/** Refused by the agent, or not reached in time. */
export class AuditError extends Error {
  override readonly name = 'AuditError';
  /** HTTP status of the refusal; null: no answer came in time. */
  readonly status: number | null;
  /** Body of the refusal. */
  readonly answer: Record<string, unknown> | null;

  constructor(message: string, answer: AgentAnswer | null, cause?: unknown) {
    super(message, { cause });
    this.status = answer?.status ?? null;
    this.answer = answer?.body ?? null;
  }
}

export class AgentConnection {
  readonly #address: AgentAddress;
  readonly #url: URL;
  readonly #agent: Agent;
  readonly #secure: boolean;

  /** Throws a TypeError where it is no address. Nothing is connected yet. */
  constructor(address: AgentAddress) {
    const { socket, url, ca, cert, key } = address;
    if ((socket === undefined) === (url === undefined)) {
      throw new TypeError('an agent is at a socket ({socket: "/run/runnel/audit.sock"}) or a url, one of the two');
    }
    this.#address = address;
    this.#url = new URL('/v1/audit', url ?? 'http://localhost');
    this.#secure = url !== undefined;
    if (this.#secure && this.#url.protocol !== 'https:') throw new TypeError(`audit goes by https, not to ${url}`);
    const options = { keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: CONNECTIONS };
    const tls = Object.fromEntries(Object.entries({ ca, cert, key }).filter(([, value]) => value !== undefined));
    this.#agent = this.#secure ? new TlsAgent({ ...options, ...tls }) : new Agent(options);
  }

  /** One attempt. Rejects where no answer comes: what was sent may have been taken. */
  async post(body: string, headers: Record<string, string>, signal?: AbortSignal): Promise<AgentAnswer> {
    const late = AbortSignal.timeout(ANSWER_MS);
    const { socket, token } = this.#address;
    const options = {
      method: 'POST',
      agent: this.#agent,
      headers: {
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        'content-length': String(Buffer.byteLength(body)),
      },
      ...(socket === undefined ? {} : { socketPath: socket }),
    };
    const request = this.#secure ? tlsRequest(this.#url, options) : httpRequest(this.#url, options);
    const stop = () => {
      const why = signal?.aborted ? new Error('stopped', { cause: signal.reason }) : new Error('no answer within 30 s');
      request.destroy(why);
    };
    late.addEventListener('abort', stop);
    signal?.addEventListener('abort', stop);
    try {
      if (signal?.aborted) stop();
      return await answerOf(request, body);
    } finally {
      late.removeEventListener('abort', stop);
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Ends its connections. */
  close(): void {
    this.#agent.destroy();
  }
}

function answerOf(request: ClientRequest, body: string): Promise<AgentAnswer> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.once('response', (response) => read(response).then(resolve, reject));
    request.end(body);
  });
}

async function read(response: IncomingMessage): Promise<AgentAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES) throw new Error(`an answer of more than ${ANSWER_BYTES} bytes: is this an agent?`);
    chunks.push(chunk);
  }
  const seconds = Number(response.headers['retry-after'] ?? 0);
  return {
    status: response.statusCode!,
    body: objectOf(Buffer.concat(chunks).toString()),
    retryAfter_ms: seconds > 0 ? Math.min(seconds * 1000, LONGEST_RETRY_AFTER_MS) : 0,
  };
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // What a proxy before the agent says, for example: its status says enough.
  }
  return {};
}

/** How long to wait before attempt `n` (from 1), milliseconds: doubling, with chance in it, so that clients spread. */
export function pauseBefore(n: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(n - 1, 10)) * (0.5 + Math.random() / 2);
}

/** `409 {"error": "..."}` as a sentence. */
export function describe({ status, body }: AgentAnswer): string {
  const { error, ...rest } = body;
  const more = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest).slice(0, 500)}` : '';
  return `${status}${typeof error === 'string' ? ` (${error})` : ''}${more}`;
}
