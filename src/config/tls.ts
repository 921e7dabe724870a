/** `tls` of those that something is asked of: brokers, search engines, databases. Files are read when a connection is made. */
import { calledElsewhere, option, optional, section } from './option.ts';
import { name, path, yesNo } from './types.ts';

/** `whose`: `broker`, whose certificate is checked. `own`: what the client's own certificate is. */
export function tlsOption(about: string, whose: string, own: string) {
  const fields = {
    ca_file: calledElsewhere(
      ['ca', 'cafile', 'ca_cert', 'ca_location', 'certificate_authorities', 'ssl_ca'],
      optional(path('/etc/runnel/ca.pem'), "Certificates to trust, as PEM. Without it: the system's."),
    ),
    cert_file: calledElsewhere(
      ['cert', 'certificate', 'crt_file', 'client_cert'],
      optional(path('/etc/runnel/client.pem'), own),
    ),
    key_file: calledElsewhere(
      ['key', 'private_key', 'client_key'],
      optional(path('/etc/runnel/client.key'), 'The key of cert_file, as PEM.'),
    ),
    server_name: optional(
      name('host name', `${whose === 'broker' ? 'kafka' : whose}.example.com`),
      `The name in the ${whose}'s certificate, where it is not the address.`,
    ),
    insecure: calledElsewhere(
      ['verify', 'insecure_skip_verify', 'skip_verify', 'verify_certificate', 'verification_mode'],
      option(
        yesNo(),
        'false',
        `Does not check the ${whose}'s certificate. Anyone between can read and change everything.`,
      ),
    ),
  };
  return calledElsewhere(
    ['ssl', 'security_protocol', 'security.protocol'],
    optional(section(fields, "tls: {} for the system's certificates"), about),
  );
}
