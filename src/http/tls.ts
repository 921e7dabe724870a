/** TLS of a listener. */
import { readFileSync } from 'node:fs';
import type { Server } from 'node:tls';

export interface TlsFiles {
  cert_file: string;
  key_file: string;
  /** Whose clients' certificates are good. */
  client_ca_file?: string;
}

/** Speaks with connections that it is given. `protocols`: what may be spoken over TLS, the first first. */
export async function tlsServer(files: TlsFiles, protocols?: string[]): Promise<Server> {
  const { createServer } = await import('node:tls');
  const { cert_file, key_file, client_ca_file } = files;
  const options = {
    cert: readFileSync(cert_file),
    key: readFileSync(key_file),
    ...(protocols && { ALPNProtocols: protocols }),
  };
  if (client_ca_file === undefined) return createServer(options);
  // Whether a certificate was needed is known at the request: a token may do.
  return createServer({ ...options, ca: readFileSync(client_ca_file), requestCert: true, rejectUnauthorized: false });
}
