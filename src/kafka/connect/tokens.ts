/**
 * Tokens to log in with, for SASL OAUTHBEARER (RFC 7628):
 *
 *   token_file    somebody else keeps a token in the file (Kubernetes' service accounts): it is read for each connection
 *   token_url     OAuth 2.0's client credentials (RFC 6749, 4.4): one token for all connections, had anew in time
 *   aws-msk-iam   a request that is signed with the host's AWS credentials; the signer knows where these are
 *
 * A session ends with its token, the broker says when: the connection is made anew before that.
 */
import { readSmall } from '../../config/read.ts';

/** What each mechanism needs of these is checked with the configuration (config/login.ts). */
export interface SaslConfig {
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer' | 'aws-msk-iam';
  username?: string | undefined;
  password?: string | undefined;
  token_file?: string | undefined;
  token_url?: string | undefined;
  client_id?: string | undefined;
  client_secret?: string | undefined;
  scope?: string | undefined;
  region?: string | undefined;
}

/** Gives a token; rejects with a sentence. */
type Tokens = () => Promise<string>;

/** Of a token's time so much is used. */
const USED = 0.8;
/** Where the server does not say how long it lasts. */
const UNKNOWN_SECONDS = 60;
const TIMEOUT_MS = 10_000;
/** No token is longer, nor is what says that there is none. */
const MOST_BYTES = 64 * 1024;
const MOST_SAID = 200;

export function tokensOf(sasl: SaslConfig): Tokens {
  const { mechanism, token_file, region } = sasl;
  if (mechanism === 'aws-msk-iam') return () => signed(region!);
  return token_file === undefined ? fromUrl(sasl) : () => fromFile(token_file);
}

/** Throws a sentence. */
export function readToken(path: string): string {
  let token: string;
  try {
    token = readSmall(path, MOST_BYTES).toString('utf8').trim();
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
  if (token === '') throw new Error(`${path}: it is empty`);
  if (/[^\x20-\x7e]/.test(token)) throw new Error(`${path}: it holds more than a token: one line of ASCII is expected`);
  return token;
}

async function fromFile(path: string): Promise<string> {
  try {
    return readToken(path);
  } catch (error) {
    throw new Error(`kafka.sasl.token_file ${(error as Error).message}`);
  }
}

function fromUrl(sasl: SaslConfig): Tokens {
  let token = '';
  /** By `performance.now()`. */
  let until = Number.NEGATIVE_INFINITY;
  let asking: Promise<string> | null = null;
  const ask = async () => {
    const asked = performance.now();
    const answer = await askFor(sasl);
    token = answer.token;
    until = asked + answer.seconds * 1000 * USED;
    return token;
  };
  return () => {
    if (performance.now() < until) return Promise.resolve(token);
    asking ??= ask().finally(() => {
      asking = null;
    });
    return asking;
  };
}

async function askFor({ token_url, client_id, client_secret, scope }: SaslConfig) {
  const url = token_url!;
  // As RFC 6749 has it, 2.3.1: both are encoded as in a form before they are put together.
  const encoded = (text: string) => new URLSearchParams({ _: text }).toString().slice(2);
  const login = Buffer.from(`${encoded(client_id!)}:${encoded(client_secret!)}`).toString('base64');
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== undefined && { scope }) });
  let status: number;
  let text: string;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Basic ${login}`, accept: 'application/json' },
      body: form,
      // Secrets go to whom they were meant for.
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    status = answer.status;
    text = await textOf(answer);
  } catch (error) {
    throw new Error(`no token from ${url}: ${reasonOf(error as Error)}`);
  }
  const said = parsed(text);
  const token = said?.access_token;
  if (status !== 200 || typeof token !== 'string' || token === '') {
    const why = said ? [said.error, said.error_description].filter((part) => typeof part === 'string').join(': ') : '';
    throw new Error(`no token from ${url}: it answers ${status}${why && ` ${why.slice(0, MOST_SAID)}`}`);
  }
  const seconds = Number(said?.expires_in);
  return { token, seconds: seconds > 0 ? seconds : UNKNOWN_SECONDS };
}

async function textOf(answer: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of answer.body ?? []) {
    bytes += piece.length;
    if (bytes > MOST_BYTES) throw new Error(`its answer is longer than ${MOST_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    // A page of some proxy, for example: the status says what there is to say.
    return null;
  }
}

/** `fetch failed` says nothing: what it was caused by does. */
function reasonOf(error: Error): string {
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  return error.cause instanceof Error && error.cause.message ? error.cause.message : error.message;
}

async function signed(region: string): Promise<string> {
  const { generateAuthToken } = await import('aws-msk-iam-sasl-signer-js').catch(() => {
    throw new Error('aws-msk-iam needs the package aws-msk-iam-sasl-signer-js: npm install it beside runnel');
  });
  try {
    return (await generateAuthToken({ region })).token;
  } catch (error) {
    throw new Error(`no AWS credentials to log in with: ${(error as Error).message}`);
  }
}
