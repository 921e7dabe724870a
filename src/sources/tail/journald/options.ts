/** `journald` of a `logs` entry: which entries of the journal it reads. */
import { alternative, leaf, list, option, optional, section, type Values, Wrong } from '../../../config/option.ts';
import { path } from '../../../config/types.ts';

/** The journal of this machine, in records and positions. */
export const JOURNAL = '/var/log/journal';

/** As systemd.unit(5) has them. */
const UNIT = /^[A-Za-z0-9:_.\\@-]{1,255}$/;
/** As journalctl takes them; what a value may hold besides is not written into a file. */
const MATCH = /^(?:_{0,2}[A-Z0-9][A-Z0-9_]{0,63}=[^\x00-\x1f\x7f]*|\+)$/;

function unit() {
  return leaf({ label: 'unit', json: { type: 'string', pattern: UNIT.source }, example: 'nginx.service' }, (text) => {
    if (/[*?[]/.test(text)) {
      throw new Wrong('has wildcards, and journald knows units by their whole names: name each, or use match');
    }
    if (!UNIT.test(text) || text.startsWith('-'))
      throw new Wrong('must be the name of a unit, for example nginx.service');
    return text.includes('.') ? text : `${text}.service`;
  });
}

function match() {
  const info = { label: 'FIELD=VALUE', json: { type: 'string', pattern: MATCH.source }, example: '_TRANSPORT=kernel' };
  return leaf(info, (text) => {
    if (MATCH.test(text)) return text;
    throw new Wrong('must be FIELD=VALUE with the name of a field of the journal, for example _TRANSPORT=kernel, or +');
  });
}

export const journaldOption = alternative(
  section(
    {
      units: option(
        list(unit()),
        [],
        'Entries of these units only, and what systemd and coredumps say of them. Without a suffix, .service is meant.',
      ),
      match: option(
        list(match()),
        [],
        'Entries with these fields only, as journalctl has it: of one field any value, of several all, and + between alternatives. With units both must hold.',
      ),
      directory: optional(
        path('/host/var/log/journal'),
        "Where the journal's files are; left out: this machine's, /var/log/journal and /run/log/journal.",
      ),
    },
    "journald: {} for this machine's journal",
  ),
  'Reads the journal of systemd in place of files, by one journalctl that runs along. Unit, priority, PID and the like become fields. The position is the cursor.',
);

export type JournaldConfig = NonNullable<Values<typeof journaldOption>>;
