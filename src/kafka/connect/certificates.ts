/**
 * The files of `kafka.tls`: read, and looked at before they are used. What OpenSSL says of them (`no start line`) names
 * neither the file nor what is wrong with it.
 */
import type { X509Certificate as Certificate, KeyObject } from 'node:crypto';
import { createPrivateKey, X509Certificate } from '../../builtin.ts';
import { readSmall } from '../../config/read.ts';
import type { TlsConfig } from './security.ts';

export type TlsFile = 'ca_file' | 'cert_file' | 'key_file';

export interface FileFault {
  option: TlsFile;
  /** Behind the option's name: `/nope/ca.pem: there is no such file`. */
  message: string;
  /** It may be right at another time: a certificate that has ended is renewed, a clock is set. */
  passing: boolean;
}

const FILES: readonly TlsFile[] = ['ca_file', 'cert_file', 'key_file'];
const MOST_BYTES = 4 << 20;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/** Reads the files anew, so that a renewed certificate counts from the next connection on. */
export function readTlsFiles(
  config: TlsConfig,
  now = Date.now(),
): { files: Partial<Record<TlsFile, Buffer>>; faults: FileFault[] } {
  const files: Partial<Record<TlsFile, Buffer>> = {};
  const faults: FileFault[] = [];
  const fault = (option: TlsFile, why: string, passing = false) =>
    faults.push({ option, message: `${config[option]}: ${why}`, passing });
  for (const option of FILES) {
    const path = config[option];
    if (path === undefined) continue;
    try {
      files[option] = readSmall(path, MOST_BYTES);
    } catch (error) {
      fault(option, (error as Error).message);
    }
  }
  const { key_file } = files;
  const certificatesOf = (option: TlsFile) =>
    files[option] && checkCertificates(files[option], now, (why, passing) => fault(option, why, passing));
  certificatesOf('ca_file');
  const chain = certificatesOf('cert_file');
  const key = key_file && checkKey(key_file, (why) => fault('key_file', why));
  if (chain?.[0] && key && !chain[0].checkPrivateKey(key)) {
    fault('key_file', `it is not the key of the certificate in ${config.cert_file}: the two belong together`);
  }
  return { files, faults };
}

type Say = (why: string, passing?: boolean) => void;

/** Gives the certificates. One of several authorities may have ended; a file's first certificate, or all, may not. */
function checkCertificates(bytes: Buffer, now: number, say: Say): Certificate[] | null {
  const blocks = blocksOf(bytes);
  const certificates: Certificate[] = [];
  for (const { kind, pem } of blocks) {
    if (!/^(TRUSTED |X509 )?CERTIFICATE$/.test(kind)) continue;
    try {
      certificates.push(new X509Certificate(pem));
    } catch {
      say(`certificate ${certificates.length + 1} in it is damaged: copy the file again`);
      return null;
    }
  }
  if (certificates.length === 0) {
    say(whatInstead(bytes, blocks, 'a certificate'));
    return null;
  }
  const [first] = certificates;
  const ended = certificates.filter(({ validTo }) => Date.parse(validTo) < now);
  if (ended.length === certificates.length) {
    say(`its certificate ended on ${day(first!.validTo)}: put a renewed one there`, true);
  } else if (certificates.every(({ validFrom }) => Date.parse(validFrom) > now)) {
    say(`its certificate holds from ${day(first!.validFrom)} on: is this machine's clock right?`, true);
  }
  return certificates;
}

function checkKey(bytes: Buffer, say: Say): KeyObject | null {
  const blocks = blocksOf(bytes);
  const block = blocks.find(({ kind }) => /PRIVATE KEY$/.test(kind));
  if (!block) {
    say(whatInstead(bytes, blocks, 'a private key'));
    return null;
  }
  if (block.kind.startsWith('ENCRYPTED') || /^Proc-Type: 4,ENCRYPTED/m.test(block.pem)) {
    say('it has a passphrase, which the agent cannot give: write it without one, by openssl pkey');
    return null;
  }
  try {
    return createPrivateKey(block.pem);
  } catch {
    say('the private key in it is damaged: copy the file again');
    return null;
  }
}

function blocksOf(bytes: Buffer): { kind: string; pem: string }[] {
  return [...bytes.toString('latin1').matchAll(BLOCK)].map(([pem, kind]) => ({ kind: kind!, pem }));
}

function whatInstead(bytes: Buffer, blocks: { kind: string }[], wanted: string): string {
  if (bytes.length === 0) return `it is empty: ${wanted} is expected, as PEM`;
  const [other] = blocks;
  if (other) return `it holds no ${wanted.replace(/^a /, '')}, but: ${other.kind.toLowerCase()}`;
  // A sequence of ASN.1 with a length of two bytes.
  if (bytes[0] === 0x30 && bytes[1] === 0x82) {
    const tool = wanted === 'a certificate' ? 'x509' : 'pkey';
    return `it is DER, and PEM is needed: openssl ${tool} -inform der writes it as that`;
  }
  if (bytes.includes('-----BEGIN ')) return `${wanted} begins in it and does not end: copy the file again`;
  return `it is no PEM file: a line -----BEGIN ${wanted === 'a certificate' ? 'CERTIFICATE' : 'PRIVATE KEY'}----- is expected`;
}

function day(text: string): string {
  return new Date(text).toISOString().slice(0, 10);
}
