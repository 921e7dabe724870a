/**
 * Why a connection cannot be had or has broken, in words that go on from its address (`kafka-1:9092 refuses connections`)
 * and say what to do. What sockets, TLS and kafkajs say of it names calls and codes.
 */
import { LinkError } from '../wire/errors.ts';

/** How far a connection has come. */
export interface LinkProgress {
  host: string;
  tls: boolean;
  /** Who logs in, and how; null: nobody. */
  login: { mechanism: string; username?: string | undefined } | null;
  at: 'dial' | 'tls' | 'hello' | 'login' | 'open';
}

const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  EHOSTUNREACH: 'cannot be reached: there is no way to it',
  ENETUNREACH: 'cannot be reached: there is no way to it',
  ETIMEDOUT: 'does not answer: is the port right, and does a firewall let it through?',
  EACCES: 'cannot be reached: the system forbids it',
  EPERM: 'cannot be reached: a firewall of this machine forbids it',
  CERT_HAS_EXPIRED: 'its certificate has ended: it has to be renewed there',
  CERT_NOT_YET_VALID: "its certificate does not hold yet: is this machine's clock right?",
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS at this port: is the port right? Without TLS leave kafka.tls out',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'does not speak TLS at this port: is the port right? Without TLS leave kafka.tls out',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'wants a certificate: name it in kafka.tls.cert_file and key_file',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'does not trust the certificate in kafka.tls.cert_file',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'does not trust the certificate in kafka.tls.cert_file',
};
const UNTRUSTED =
  /^(UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|(DEPTH_ZERO_)?SELF_SIGNED_CERT(_IN_CHAIN)?)$/;

/** The one sentence of an error. */
export function inWords(error: Error & { code?: string | number }, progress: LinkProgress): string {
  if (error instanceof LinkError) return error.reason;
  const { login, at } = progress;
  const code = String(error.code ?? '');
  if (code === 'ENOTFOUND') return `no address for ${progress.host}: is the name right?`;
  if (code === 'EAI_AGAIN') return `no address for ${progress.host}: the name server does not answer`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return otherName(error, progress);
  if (UNTRUSTED.test(code)) {
    return 'its certificate comes from nobody who is trusted here: name the authority in kafka.tls.ca_file';
  }
  if (BY_CODE[code]) return BY_CODE[code];
  if (login && at !== 'open') {
    const refused = loginRefused(error.message, login);
    if (refused) return refused;
  }
  if (/^(ECONNRESET|EPIPE)$/.test(code) && at !== 'open') return closedBy(progress);
  // kafkajs's words for the same.
  if (/^(Closed connection|Not connected)$/.test(error.message)) return closedBy(progress);
  return error.message || code || error.name;
}

/** It ended the connection without a word. */
export function closedBy({ tls, login, at }: LinkProgress): string {
  switch (at) {
    case 'dial':
    case 'open':
      return 'the broker closed the connection';
    case 'tls':
      return 'ended the connection in the TLS handshake: does it speak TLS at this port? Without TLS leave kafka.tls out';
    case 'hello':
      return tls || login
        ? 'ended the connection at the first question: is it a Kafka broker?'
        : 'ended the connection at the first question: does it want TLS (kafka.tls), or is it no Kafka broker?';
    case 'login':
      return login
        ? `ended the connection in the login ${whoOf(login)}: is it right?`
        : 'ended the connection without an answer: does it want a login (kafka.sasl)?';
  }
}

/** Addresses of one name, each with what went wrong there. */
export function ofAddresses(failures: readonly { address: string; error: Error & { code?: string } }[]): string {
  const said = (error: Error & { code?: string }) => BY_CODE[error.code ?? ''] ?? error.message;
  const [first] = failures;
  if (failures.length === 1) return said(first!.error);
  const alike = failures.every(({ error }) => said(error) === said(first!.error));
  if (alike) return `${said(first!.error)} (${failures.map(({ address }) => address).join(', ')})`;
  return failures.map(({ address, error }) => `${address} ${said(error)}`).join(', ');
}

function otherName({ message }: Error, { host }: LinkProgress): string {
  const { name, names } =
    /Host: (?<name>\S+?)\. is not in the cert's altnames: (?<names>.*)/.exec(message)?.groups ??
    /IP: (?<name>\S+) is not in the cert's list: (?<names>.*)/.exec(message)?.groups ??
    {};
  const whose = names?.replace(/DNS:|IP Address:/g, '').trim();
  const is = whose ? `is for ${whose}` : 'is for another name';
  return `its certificate ${is}, not for ${name ?? host}: write the name that it has into kafka.tls.server_name`;
}

function loginRefused(message: string, login: NonNullable<LinkProgress['login']>): string | null {
  if (/mechanism is not supported|UNSUPPORTED_SASL_MECHANISM|does not support the requested SASL/i.test(message)) {
    return `does not take ${login.mechanism}: write a mechanism that it has into kafka.sasl.mechanism`;
  }
  if (/current SASL state/i.test(message))
    return 'wants no login at this port: is the port right? Else leave kafka.sasl out';
  if (/refuses the token/.test(message)) return message.replace(/^.*?the broker refuses/, 'refuses');
  if (/authentication failed|invalid credentials|Invalid username or password/i.test(message)) {
    return login.username === undefined
      ? `refuses the login ${whoOf(login)}: is the token right, and does it still hold?`
      : `refuses the login ${whoOf(login)}: are name, password and mechanism right?`;
  }
  return null;
}

function whoOf({ mechanism, username }: NonNullable<LinkProgress['login']>): string {
  return username === undefined ? `by ${mechanism}` : `of ${username} (${mechanism})`;
}
