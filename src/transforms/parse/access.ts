/** `parse: combined`, `parse: common`: the access logs of web servers. */
import { option } from '../../config/option.ts';
import { yesNo } from '../../config/types.ts';
import { quotesRoom } from '../../kernel/process/formats.ts';
import { CLAIMED, fieldOption, fixedFormat } from './fixed.ts';

interface AccessOptions {
  rest?: string | undefined;
  vhost: boolean;
}

const COMMON = [
  'source.address',
  // What identd says: practically never there.
  'client.user.name',
  'user.name',
  'http.request.method',
  'url.original',
  'http.version',
  'http.response.status_code',
  'http.response.body.bytes',
];
const COMBINED = ['http.request.referrer', 'user_agent.original'];

function accessFormat(name: string, text: string, combined: boolean) {
  return fixedFormat<AccessOptions>({
    name,
    text,
    parser: 'access',
    timed: 'offset',
    options: {
      rest: fieldOption(
        'nginx.access.rest',
        'The field of what stands behind; without it a line with more is not of the format.',
      ),
      vhost: option(yesNo(), 'false', "true: HOST:PORT stands before, as in Apache's vhost_combined, or HOST."),
    },
    names: ({ rest, vhost }) => [
      ...COMMON,
      ...(combined ? COMBINED : [null, null]),
      rest ?? null,
      CLAIMED,
      ...(vhost ? ['url.domain', 'url.port'] : [null, null]),
    ],
    numbers: ({ rest, vhost }, { arena }) => [...[combined, rest !== undefined, vhost].map(Number), quotesRoom(arena)],
  });
}

export const combined = accessFormat(
  'combined',
  'Access logs of nginx, Apache and others: the Combined Log Format.',
  true,
);
export const common = accessFormat('common', 'The Common Log Format: the same without referrer and agent.', false);
