/**
 * Certificates for a broker of the tests, made with openssl, as PEM files in `dir`:
 *
 *   ca.pem                    the authority
 *   server-chain.pem          key and certificate of 127.0.0.1 and localhost, as Kafka wants it in one file
 *   server-expired.pem        the same key, with a certificate that ended yesterday
 *   client.pem, client.key    a client's, CN=runnel-test
 *   client-expired.pem        the same, with a certificate that ended yesterday
 */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function makeCertificates(dir: string): Promise<void> {
  const openssl = (...args: string[]) => run('openssl', args, { cwd: dir });
  const caExtensions = ['-addext', 'basicConstraints=critical,CA:TRUE'];
  await openssl(
    'req',
    '-x509',
    ...KEY,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=runnel test CA',
    ...caExtensions,
  );
  for (const [name, subject, extensions] of [
    ['server', '/CN=localhost', 'subjectAltName=IP:127.0.0.1,DNS:localhost'],
    ['client', '/CN=runnel-test', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    await writeFile(path.join(dir, `${name}.ext`), `${extensions}\n`);
    await openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    const certify = (days: number, file: string) => {
      const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', `${days}`];
      return openssl('x509', '-req', '-in', `${name}.csr`, ...authority, '-extfile', `${name}.ext`, '-out', file);
    };
    await certify(2, `${name}.pem`);
    await certify(-1, name === 'server' ? 'expired.pem' : 'client-expired.pem');
  }
  const [key, certificate, expired] = await Promise.all(
    ['server.key', 'server.pem', 'expired.pem'].map((file) => readFile(path.join(dir, file), 'utf8')),
  );
  await writeFile(path.join(dir, 'server-chain.pem'), `${key}${certificate}`);
  await writeFile(path.join(dir, 'server-expired.pem'), `${key}${expired}`);
}
