/** TLS of a listener. Its files are read anew where they have changed: certificates are renewed while it runs. */
import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:tls';
import { log } from '../log.ts';

export interface TlsFiles {
  cert_file: string;
  key_file: string;
  /** Whose clients' certificates are good. */
  client_ca_file?: string;
}

/** Looked at with a connection, not more often. */
const LOOK_MS = 1000;

/** Speaks with connections that it is given. `protocols`: what may be spoken over TLS, the first first. */
export async function tlsServer(files: TlsFiles, protocols?: string[]): Promise<Server> {
  const { createServer } = await import('node:tls');
  // Whether a certificate was needed is known at the request: a token may do.
  const asks = files.client_ca_file !== undefined && { requestCert: true, rejectUnauthorized: false };
  const server = createServer({ ...contents(files), ...asks, ...(protocols && { ALPNProtocols: protocols }) });
  let version = versionOf(files);
  let looked = performance.now();
  server.prependListener('connection', () => {
    const now = performance.now();
    if (now - looked < LOOK_MS) return;
    looked = now;
    try {
      const is = versionOf(files);
      if (is === version) return;
      server.setSecureContext(contents(files));
      version = is;
    } catch (error) {
      // It may be in the midst of being written.
      const why = (error as Error).message;
      log.warnOnce(`tls ${files.cert_file}`, `cannot use ${files.cert_file} as it is now: ${why}; the former is used`);
    }
  });
  return server;
}

function contents({ cert_file, key_file, client_ca_file }: TlsFiles) {
  const ca = client_ca_file !== undefined && { ca: readFileSync(client_ca_file) };
  return { cert: readFileSync(cert_file), key: readFileSync(key_file), ...ca };
}

function versionOf(files: TlsFiles): string {
  return Object.values(files)
    .map((path: string) => statSync(path))
    .map(({ ino, mtimeMs, size }) => `${ino} ${mtimeMs} ${size}`)
    .join();
}
