/** Whom to tell, as it is configured. */
import { createHash } from '../builtin.ts';
import { wildcards } from '../config/wildcards.ts';

export type ReceiverKind = 'alertmanager' | 'webhook' | 'slack' | 'email' | 'exec';
export const RECEIVER_KINDS = ['alertmanager', 'webhook', 'slack', 'email', 'exec'] as const;

export interface WebhookConfig {
  url: string;
  headers: Readonly<Record<string, string>>;
  secret?: string | undefined;
}

export interface EmailConfig {
  url: string;
  from: string;
  to: readonly string[];
}

export interface ReceiverConfig {
  name: string;
  alertmanager?: readonly string[] | undefined;
  /** Milliseconds, as all times. */
  resend: number;
  webhook?: WebhookConfig | undefined;
  slack?: string | undefined;
  email?: EmailConfig | undefined;
  exec?: readonly string[] | undefined;
  timeout: number;
  only: Readonly<Record<string, string>>;
  remind?: number | undefined;
}

type Refuse = (path: readonly (string | number)[], message: string) => void;

const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const OWN_HEADERS = ['host', 'content-length', 'transfer-encoding', 'connection'];

export function readReceiver(written: ReceiverConfig, refuse: Refuse): ReceiverConfig {
  const kinds = RECEIVER_KINDS.filter((kind) => written[kind] !== undefined);
  if (kinds.length !== 1)
    refuse([], `needs ${kinds.length === 0 ? 'one' : 'only one'} of ${RECEIVER_KINDS.join(', ')}`);
  const { webhook, exec, email } = written;
  for (const [name, value] of Object.entries(webhook?.headers ?? {})) {
    const at = ['webhook', 'headers', name];
    if (!HEADER.test(name)) refuse(at, 'is no name of a header');
    else if (OWN_HEADERS.includes(name.toLowerCase())) refuse(at, 'is set by the agent');
    else if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) refuse(at, 'has characters that no header has');
  }
  if (exec && !exec[0]?.startsWith('/')) refuse(['exec', 0], 'must be an absolute path, beginning with /');
  if (exec?.some((one) => one.includes('\0'))) refuse(['exec'], 'must not hold a NUL');
  for (const [key, all] of [
    ['from', [email?.from ?? '']],
    ['to', email?.to ?? []],
  ] as const) {
    if (email && all.some((one) => !/^[^\s@<>]+@[^\s@<>]+$|^[^<>@]*<[^\s@<>]+@[^\s@<>]+>$/.test(one))) {
      refuse(['email', key], 'must be an address, for example ops@example.com');
    }
  }
  if (written.alertmanager && written.remind !== undefined)
    refuse(['remind'], 'is of no use with alertmanager, which reminds by itself');
  return written;
}

export function receiverKindOf(receiver: ReceiverConfig): ReceiverKind {
  return RECEIVER_KINDS.find((kind) => receiver[kind] !== undefined)!;
}

/** Who it was that was told, by name: what is written down. */
export type KnownReceivers = Readonly<Record<string, { target: string; only: Readonly<Record<string, string>> }>>;

/** `target`: the hash of where it is. */
export function knownReceiver(receiver: ReceiverConfig): KnownReceivers[string] {
  const { alertmanager, webhook, slack, email, exec, only } = receiver;
  const where = JSON.stringify([alertmanager, webhook?.url, slack, email?.url, email?.to, exec]);
  return { target: createHash('sha256').update(where).digest('hex').slice(0, 16), only };
}

/** Whether `only` chooses an alert. */
export function isForOf(
  only: Readonly<Record<string, string>>,
): (alert: { rule: string; severity: string; labels: Readonly<Record<string, string>> }) => boolean {
  const all = Object.entries(only).map(([subject, value]) => [subject, wildcards([value])] as const);
  return ({ rule, severity, labels }) =>
    all.every(([subject, fits]) =>
      fits(subject === 'rule' ? rule : subject === 'severity' ? severity : (labels[subject] ?? '')),
    );
}
