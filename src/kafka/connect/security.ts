/** From the configuration's `kafka.tls` and `kafka.sasl` to what sockets and kafkajs take. */
import { readFile } from 'node:fs/promises';
import type tls from 'node:tls';
import { tokenLogin } from './kafkajs.ts';
import { type SaslConfig, tokensOf } from './tokens.ts';

export interface TlsConfig {
  ca_file?: string | undefined;
  cert_file?: string | undefined;
  key_file?: string | undefined;
  server_name?: string | undefined;
  insecure?: boolean | undefined;
}

/** Reads the files anew each time, so that a renewed certificate counts from the next connection on. */
export async function tlsOptions(config: TlsConfig): Promise<tls.ConnectionOptions> {
  const read = (what: string, path: string | undefined) =>
    path === undefined
      ? undefined
      : readFile(path).catch((error: Error) => {
          throw new Error(`cannot read kafka.tls.${what}: ${error.message}`);
        });
  const [ca, cert, key] = await Promise.all([
    read('ca_file', config.ca_file),
    read('cert_file', config.cert_file),
    read('key_file', config.key_file),
  ]);
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(config.server_name !== undefined && { servername: config.server_name }),
    rejectUnauthorized: !config.insecure,
  };
}

/** What kafkajs logs in with. Made once for all connections: they share a token. */
export function loginOf(sasl: SaslConfig): object {
  const { mechanism, username, password } = sasl;
  if (mechanism !== 'oauthbearer' && mechanism !== 'aws-msk-iam') return { mechanism, username, password };
  // To the broker AWS's is a token as any other.
  return tokenLogin(tokensOf(sasl));
}
