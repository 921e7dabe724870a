/** What must hold between the options of `audit`. */
import type { CommonConfig } from '../../config/config.ts';
import type { Saying } from '../../config/errors.ts';
import { HASH } from '../../kernel/process/mask-rules.ts';
import type { AuditConfig } from './options.ts';

export function checkAudit(
  audit: AuditConfig | undefined,
  { mask_key_file, kafka }: Pick<CommonConfig, 'mask_key_file' | 'kafka'>,
  refuse: Saying,
): void {
  if (!audit) return;
  const hashed = audit.mask.findIndex((rule) => rule.with === HASH);
  if (hashed >= 0 && mask_key_file === undefined) {
    refuse(
      ['audit', 'mask', hashed, 'with'],
      'hash needs a key: set mask_key_file, made with: head -c 32 /dev/urandom',
    );
  }
  if (audit.durability === 'kafka' && kafka.brokers.length === 0) {
    refuse(
      ['audit', 'durability'],
      'is kafka, but kafka.brokers is empty: name the brokers, or nothing is ever answered 201',
    );
  }
  const { listen, tls, tokens, streams } = audit;
  const https = listen.findIndex((address) => address.startsWith('https://'));
  if (https >= 0) {
    if (tls?.cert_file === undefined || tls.key_file === undefined) {
      refuse(['audit', 'listen', https], 'needs audit.tls.cert_file and key_file');
    } else if (tls.client_ca_file === undefined && Object.keys(tokens).length === 0) {
      refuse(['audit', 'listen', https], 'would take events from nobody: set audit.tls.client_ca_file or audit.tokens');
    }
  }
  for (const [i, address] of listen.entries()) {
    if (listen.indexOf(address) < i) refuse(['audit', 'listen', i], 'is listed twice');
  }
  for (const [name, { allow }] of Object.entries(streams)) {
    const path = ['audit', 'streams', name];
    if (!/^[a-z0-9._-]{1,64}$/.test(name)) refuse(path, 'is no name of a stream: 1 to 64 of a-z, 0-9, dot, - and _');
    if (allow.length === 0) refuse(path, 'can be written by nobody: name who may in allow');
    for (const [i, one] of allow.entries()) {
      const said = Object.values(one).filter((value) => value !== undefined).length;
      if (said !== 1) refuse([...path, 'allow', i], 'must have one of uid, token, certificate');
      if (one.token !== undefined && !Object.hasOwn(tokens, one.token)) {
        refuse([...path, 'allow', i, 'token'], 'is not in audit.tokens');
      }
    }
  }
}
