import type { Preset } from './preset.ts';

export const syslogPreset: Preset = {
  about: 'RFC 3164 and 5424, and what rsyslog writes to /var/log.',
  steps: [{ parse: 'syslog' }],
};
