/** What of an `audit` section could never work is said, where it stands. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ConfigError } from '../../../src/config/errors.ts';
import { loadConfig } from '../../../src/options.ts';

const dir = mkdtempSync(join(tmpdir(), 'runnel-audit-'));
after(() => rmSync(dir, { recursive: true }));
const path = join(dir, 'runnel.yaml');

/** What is said of a configuration, a line each, without the file's name. */
async function said(yaml: string): Promise<string[]> {
  writeFileSync(path, yaml);
  const error = await loadConfig(path, { env: {} }).catch((error: Error) => error);
  return error instanceof ConfigError ? error.message.replaceAll(`${path}:`, '').split('\n') : [];
}

test('what can never work', async () => {
  const check = async (yaml: string, ...expected: string[]) => assert.deepEqual(await said(yaml), expected);
  await check('audit: {}');
  await check(
    'audit:',
    '1:1: audit is empty: write audit: {} for its default, unix:///run/runnel/audit.sock, or leave it out',
  );
  const https = 'listen: ["https://0.0.0.0"]';
  await check(`audit: {${https}}`, '1:18: audit.listen[0] needs audit.tls.cert_file and key_file');
  await check(
    `audit: {${https}, tls: {cert_file: /c, key_file: /k}}`,
    '1:18: audit.listen[0] would take events from nobody: set audit.tls.client_ca_file or audit.tokens',
  );
  await check('audit: {listen: ["unix:///a", "unix:///a"]}', '1:31: audit.listen[1] is listed twice');
  await check(
    'audit: {durability: kafka}',
    '1:21: audit.durability is kafka, but kafka.brokers is empty: name the brokers, or nothing is ever answered 201',
  );
  await check('kafka: {brokers: a}\naudit: {durability: kafka}');
  await check(
    'audit: {streams: {Orders: {allow: [{uid: shop}]}, a: {}, b: {allow: [{uid: x, token: y}]}}}',
    '1:27: audit.streams.Orders is no name of a stream: 1 to 64 of a-z, 0-9, dot, - and _',
    '1:54: audit.streams.a can be written by nobody: name who may in allow',
    '1:70: audit.streams.b.allow[0] must have one of uid, token, certificate',
    '1:86: audit.streams.b.allow[0].token is not in audit.tokens',
  );
  await check(
    'audit: {mask: [{rule: card, with: hash}]}',
    '1:35: audit.mask[0].with hash needs a key: set mask_key_file, made with: head -c 32 /dev/urandom',
  );
  await check(
    'logs: [{name: a, include: /a}]\naudit: {topic: runnel.logs}',
    '2:16: audit.topic is runnel.logs, where logs[0].topic leads, too: what is answered has topics of its own',
  );
});
