/** The files of kafka.tls, as they come: what is wrong with them is said before they are used. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readTlsFiles } from '../../../src/kafka/connect/certificates.ts';
import { tlsOptions } from '../../../src/kafka/connect/security.ts';
import { makeCertificates } from '../../support/kafka-tls.ts';

let dir: string;
const at = (name: string) => `${dir}/${name}`;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'runnel-tls-'));
  await makeCertificates(dir);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  openssl('x509', '-in', 'client.pem', '-outform', 'der', '-out', 'client.der');
  openssl('pkey', '-in', 'client.key', '-aes256', '-passout', 'pass:x', '-out', 'locked.key');
  const pem = readFileSync(at('ca.pem'), 'latin1');
  writeFileSync(at('cut.pem'), pem.slice(0, 300));
  writeFileSync(at('bad.pem'), pem.replace(/\n[A-Za-z0-9+/]{20}/, '\nAAAAAAAAAAAAAAAAAAAA'));
  writeFileSync(at('empty.pem'), '');
  writeFileSync(at('text.pem'), 'hello\n');
  writeFileSync(at('bundle.pem'), `# Comment\n${pem}\n${readFileSync(at('client.pem'), 'latin1')}`);
});
after(() => rm(dir, { recursive: true }));

type Files = Partial<Record<'ca_file' | 'cert_file' | 'key_file', string>>;

/** `days`: how far the clock is ahead. */
function check(files: Files, expected: string[], days = 0): void {
  test(`${Object.entries(files).join(' ')} ${days}`, () => {
    const config = Object.fromEntries(Object.entries(files).map(([option, name]) => [option, at(name)]));
    const { faults } = readTlsFiles(config, Date.now() + days * 86_400_000);
    const said = faults.map(({ option, message, passing }) => `${option} ${message}${passing ? ' (passing)' : ''}`);
    assert.deepEqual(
      said.map((text) => text.replaceAll(`${dir}/`, '').replace(/\d{4}-\d\d-\d\d/, 'DAY')),
      expected,
    );
    // Where a connection is made the first of them ends it, in the same words.
    const fault = faults.find(({ passing }) => !passing);
    if (fault) assert.throws(() => tlsOptions(config), { message: `kafka.tls.${fault.option} ${fault.message}` });
  });
}

const pair = { cert_file: 'client.pem', key_file: 'client.key' };
check({ ca_file: 'ca.pem', ...pair }, []);
check({ ca_file: 'bundle.pem' }, []);
check({ ca_file: 'nope.pem' }, ['ca_file nope.pem: there is no such file']);
check({ ca_file: '../' }, ['ca_file ../: it is a directory']);
check({ ca_file: 'empty.pem' }, ['ca_file empty.pem: it is empty: a certificate is expected, as PEM']);
check({ ca_file: 'text.pem' }, ['ca_file text.pem: it is no PEM file: a line -----BEGIN CERTIFICATE----- is expected']);
check({ ca_file: 'cut.pem' }, ['ca_file cut.pem: a certificate begins in it and does not end: copy the file again']);
check({ ca_file: 'bad.pem' }, ['ca_file bad.pem: certificate 1 in it is damaged: copy the file again']);
check({ ca_file: 'client.der' }, [
  'ca_file client.der: it is DER, and PEM is needed: openssl x509 -inform der writes it as that',
]);
check({ ...pair, key_file: 'server-chain.pem' }, [
  'key_file server-chain.pem: it is not the key of the certificate in client.pem: the two belong together',
]);
check({ ...pair, key_file: 'locked.key' }, [
  'key_file locked.key: it has a passphrase, which the agent cannot give: write it without one, by openssl pkey',
]);
check({ cert_file: 'client.key', key_file: 'client.pem' }, [
  'cert_file client.key: it holds no certificate, but: private key',
  'key_file client.pem: it holds no private key, but: certificate',
]);
check(pair, ['cert_file client.pem: its certificate ended on DAY: put a renewed one there (passing)'], 3);
check(pair, ["cert_file client.pem: its certificate holds from DAY on: is this machine's clock right? (passing)"], -3);
