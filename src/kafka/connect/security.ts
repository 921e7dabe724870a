/** From the configuration's `kafka.tls` and `kafka.sasl` to what sockets and kafkajs take. */
import type tls from 'node:tls';
import { readTlsFiles } from './certificates.ts';
import { tokenLogin } from './kafkajs.ts';
import { type SaslConfig, tokensOf } from './tokens.ts';

export interface TlsConfig {
  ca_file?: string | undefined;
  cert_file?: string | undefined;
  key_file?: string | undefined;
  server_name?: string | undefined;
  insecure?: boolean | undefined;
}

/** Reads the files anew each time, so that a renewed certificate counts from the next connection on. Throws a sentence. */
export function tlsOptions(config: TlsConfig, option = 'kafka.tls'): tls.ConnectionOptions {
  const { files, faults } = readTlsFiles(config);
  // What is passing the other side has to judge.
  const fault = faults.find(({ passing }) => !passing);
  if (fault) throw new Error(`${option}.${fault.option} ${fault.message}`);
  const { ca_file: ca, cert_file: cert, key_file: key } = files;
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
