/** HTTP requests of checks: by node:http, with TLS, over a Unix socket, with a limit to what is read of the answer. */
import type * as http from 'node:http';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { request } from '../../builtin.ts';
import { abortable } from '../../core/abort.ts';
import { lookupName } from '../../core/names.ts';
import { readTextSync } from '../../mounts/fs.ts';
import type { CustomCheckConfig } from './options.ts';

const MOST_REDIRECTS = 5;

export interface HttpAnswer {
  status: number;
  /** At most as many bytes as were asked for; more is not read. */
  body: string;
  /** More than that would have come. */
  cut: boolean;
  /** Until the certificate ends, of https. */
  certificateDays: number | null;
  /** The media type, '' where it says none. */
  type: string;
}

export class WrongAnswer extends Error {}

/** Follows redirects. Throws WrongAnswer where the other side is there and does not keep to HTTP. */
export async function answerOf(config: CustomCheckConfig, most: number, signal: AbortSignal): Promise<HttpAnswer> {
  let url = new URL(config.url!);
  for (let hops = 0; ; hops++) {
    const { location, ...answer } = await once(url, config, most, signal);
    if (location === null) return answer;
    if (hops === MOST_REDIRECTS) throw new WrongAnswer(`redirects more than ${MOST_REDIRECTS} times`);
    const next = URL.parse(location, url);
    if (!next) throw new WrongAnswer('redirects to what is no URL');
    if (!/^https?:$/.test(next.protocol)) throw new WrongAnswer(`redirects to ${next.protocol}`);
    url = next;
  }
}

async function once(url: URL, config: CustomCheckConfig, most: number, signal: AbortSignal) {
  const send = url.protocol === 'https:' ? (await import('node:https')).request : request;
  const sent = send(url, {
    method: isFirst(url, config) || !config.method || config.method === 'HEAD' ? config.method : 'GET',
    headers: headersFor(url, config),
    signal,
    agent: false,
    lookup: lookupName,
    ...(config.socket !== undefined && { socketPath: config.socket }),
    ...tlsOf(config),
  });
  sent.end(isFirst(url, config) ? config.body : undefined);
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve);
    // To what is none, such as an upgrade that nobody asked for.
    sent.once('close', () => reject(new WrongAnswer('gives no answer')));
    sent.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code?.startsWith('HPE_') ? new WrongAnswer('what answers there does not speak HTTP') : error),
    );
  });
  const certificateDays = daysLeft(response.socket as TLSSocket);
  const status = response.statusCode!;
  const { 'content-type': type = '', 'content-encoding': coding = 'identity' } = response.headers;
  const location = status >= 300 && status < 400 ? (response.headers.location ?? null) : null;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let cut = false;
  try {
    if (location === null && most > 0) {
      if (coding !== 'identity') throw new WrongAnswer(`answers in ${coding}, which was not asked for`);
      for await (const chunk of response as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > most) {
          cut = true;
          break;
        }
      }
    }
  } finally {
    response.destroy();
  }
  return { status, body: Buffer.concat(chunks).toString('utf8', 0, most), cut, certificateDays, location, type };
}

/** As messages name it: its query may hold a key, and messages leave the host. */
export function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '');
}

/** Secrets go to the place that is configured only. */
function isFirst(url: URL, config: CustomCheckConfig): boolean {
  return url.origin === new URL(config.url!).origin;
}

function headersFor(url: URL, config: CustomCheckConfig): Record<string, string> {
  const { headers, token_file } = config;
  const common = { 'user-agent': 'runnel', accept: 'text/plain, application/openmetrics-text;q=0.9, */*;q=0.1' };
  if (!isFirst(url, config)) return common;
  const token = token_file === undefined ? {} : { authorization: `Bearer ${readTextSync(token_file).trim()}` };
  return { ...common, ...headers, ...token };
}

function tlsOf({ tls }: CustomCheckConfig) {
  if (!tls) return {};
  const read = (file: string | undefined) => (file === undefined ? undefined : readTextSync(file));
  return {
    ca: read(tls.ca_file),
    cert: read(tls.cert_file),
    key: read(tls.key_file),
    ...(tls.server_name !== undefined && { servername: tls.server_name }),
    rejectUnauthorized: !tls.insecure,
  };
}

function daysLeft(socket: TLSSocket): number | null {
  const end = socket.getPeerCertificate?.()?.valid_to;
  return end ? (Date.parse(end) - Date.now()) / 86_400_000 : null;
}

/** Of one that is not taken: for how long it has been over is what people wait for. */
export async function daysOfRefused(config: CustomCheckConfig, signal: AbortSignal): Promise<number | null> {
  const { connect } = await import('node:tls');
  const { hostname, port } = new URL(config.url!);
  const host = hostname.replace(/^\[|\]$/g, '');
  const servername = config.tls?.server_name ?? (isIP(host) ? undefined : host);
  const to =
    config.socket === undefined ? { host, port: Number(port || 443), lookup: lookupName } : { path: config.socket };
  // Nothing is sent over it.
  const socket = connect({ ...to, ...(servername && { servername }), rejectUnauthorized: false });
  try {
    const met = new Promise<void>((resolve) => {
      socket.once('secureConnect', resolve).once('error', () => resolve());
    });
    await abortable(met, signal);
    return daysLeft(socket);
  } finally {
    socket.on('error', () => undefined).destroy();
  }
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'no such name',
  EAI_AGAIN: 'no server answers for the name',
  ETIMEOUT: 'no server answers',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not signed by a known authority: tls.ca_file',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by a known authority: tls.ca_file',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by a known authority: tls.ca_file',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

export function failureOf(error: unknown): string {
  const { code, message, path, address } = error as NodeJS.ErrnoException & { address?: string };
  if (code === 'ENOENT') return `${path ?? address}: there is no such file`;
  return (code && REASONS[code]) || message;
}
