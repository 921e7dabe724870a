/** The formats of `parse`. A new one is its file and a line here. */
import { combined, common } from './access.ts';
import { csv } from './csv.ts';
import type { AnyFormat } from './format.ts';
import { grok } from './grok.ts';
import { json } from './json.ts';
import { klog } from './klog.ts';
import { logfmt } from './logfmt.ts';
import { none } from './none.ts';
import { regex } from './regex.ts';
import { syslog } from './syslog.ts';

export const FORMATS: readonly AnyFormat[] = [json, logfmt, combined, common, syslog, klog, csv, regex, grok, none];
