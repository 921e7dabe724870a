/** TLS of a listener. Its files are read anew where they have changed: certificates are renewed while it runs. */
import type { X509Certificate as Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { X509Certificate } from '../builtin.ts';
import { log } from '../log.ts';
import { needHere, statSync } from '../mounts/fs.ts';

export interface TlsFiles {
  cert_file: string;
  key_file: string;
  /** Whose clients' certificates are good. */
  client_ca_file?: string;
}

/** Looked at with a connection, or when it is asked, not more often. */
const LOOK_MS = 1000;
/** Node's words for what is wrong with a client's certificate. */
const UNFIT: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  CERT_REVOKED: 'was revoked',
  INVALID_PURPOSE: 'is for another purpose than that of a client',
};
const NO_CERTIFICATE = { certified: false, unfit: null } as const;
const GOOD_CERTIFICATE = { certified: true, unfit: null } as const;

/** Speaks with connections that it is given. `protocols`: what may be spoken over TLS, the first first. */
export async function tlsServer(
  files: TlsFiles,
  protocols?: string[],
): Promise<{ server: Server; identity: TlsIdentity }> {
  const { createServer } = await import('node:tls');
  // Whether a certificate was needed is known at the request: a token may do.
  const asks = files.client_ca_file !== undefined && { requestCert: true, rejectUnauthorized: false };
  const shown = contents(files);
  const server = createServer({ ...shown, ...asks, ...(protocols && { ALPNProtocols: protocols }) });
  const identity = new TlsIdentity(files, server, shown.cert);
  server.prependListener('connection', () => identity.look());
  return { server, identity };
}

/** What a listener shows of itself. */
export class TlsIdentity {
  readonly #files: TlsFiles;
  readonly #server: Server;
  #certificate: Certificate;
  #version: string;
  #looked = performance.now();

  constructor(files: TlsFiles, server: Server, cert: Buffer) {
    this.#files = files;
    this.#server = server;
    this.#certificate = new X509Certificate(cert);
    this.#version = versionOf(files);
  }

  /** Why clients do not take its certificate; null: its time is right. */
  get problem(): string | null {
    this.look();
    return outOfTime(this.#certificate, this.#files.cert_file);
  }

  look(): void {
    const now = performance.now();
    if (now - this.#looked < LOOK_MS) return;
    this.#looked = now;
    const { cert_file } = this.#files;
    try {
      const is = versionOf(this.#files);
      if (is === this.#version) return;
      const shown = contents(this.#files);
      this.#server.setSecureContext(shown);
      this.#certificate = new X509Certificate(shown.cert);
      this.#version = is;
    } catch (error) {
      // It may be in the midst of being written.
      const why = (error as Error).message;
      log.warnOnce(`tls ${cert_file}`, `cannot use ${cert_file} as it is now: ${why}; the former is used`);
    }
  }
}

/** The same of a file; null where there is none, or it cannot be read, too. */
export function certificateProblem(cert_file: string | undefined): string | null {
  if (cert_file === undefined) return null;
  try {
    return outOfTime(new X509Certificate(read(cert_file)), cert_file);
  } catch {
    // Whoever listens says why.
    return null;
  }
}

function outOfTime({ validFromDate, validToDate }: Certificate, cert_file: string): string | null {
  const now = Date.now();
  if (now > validToDate.getTime()) {
    return `its certificate ended at ${validToDate.toISOString()}, no client takes it: renew ${cert_file}`;
  }
  if (now >= validFromDate.getTime()) return null;
  return `its certificate is not valid before ${validFromDate.toISOString()}: is the clock right? (${cert_file})`;
}

/** What the certificate of a client is worth. */
export function certificateOf(socket: Socket): { certified: boolean; unfit: string | null } {
  const { authorized, authorizationError } = socket as TLSSocket;
  if (authorized === undefined) return NO_CERTIFICATE;
  if (authorized) return GOOD_CERTIFICATE;
  if (!(socket as TLSSocket).getPeerX509Certificate?.()) return NO_CERTIFICATE;
  // Its type says Error, and it is the code.
  const code = String(authorizationError);
  return { certified: false, unfit: UNFIT[code] ?? `is not taken: ${code}` };
}

function contents({ cert_file, key_file, client_ca_file }: TlsFiles) {
  const ca = client_ca_file !== undefined && { ca: read(client_ca_file) };
  return { cert: read(cert_file), key: read(key_file), ...ca };
}

/** They are looked at while the agent runs: what hangs there would hang it. */
function read(path: string): Buffer {
  needHere(path);
  return readFileSync(path);
}

function versionOf(files: TlsFiles): string {
  return Object.values(files)
    .map((path: string) => statSync(path))
    .map(({ ino, mtimeMs, size }) => `${ino} ${mtimeMs} ${size}`)
    .join();
}
