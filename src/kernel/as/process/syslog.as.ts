// syslog, as it comes over the network and as it stands in files:
//
//   [OCTETS ][<PRI>]Sep 21 14:13:20 HOST APP[PID]: MESSAGE                                      RFC 3164
//   [OCTETS ][<PRI>]2026-09-21T14:13:20.123456+02:00 HOST APP[PID]: MESSAGE                     rsyslog's files
//   [OCTETS ][<PRI>]1 2026-09-21T14:13:20Z HOST APP PID MSGID [ID NAME="VALUE"] MESSAGE         RFC 5424
//
// A `-` is none. In the first two forms host and APP may be missing: an APP ends with a colon, or has a PID and a colon.
import { TEXT, UINT } from './cells.as';
import { option, put, putTime } from './found.as';
import { BLANK, CLOSE, COLON, DASH, OPEN, find, isDigit } from './scan.as';
import { structured } from './structured.as';
import { NO_TIME, bsdTime, ended, isoTime } from './time.as';

const MESSAGE: u32 = 0, PRIORITY: u32 = 1, FACILITY: u32 = 2, SEVERITY: u32 = 3, VERSION: u32 = 4, HOST: u32 = 5, APP: u32 = 6, PID: u32 = 7;
const STRUCTURED: u32 = 9, LEVEL: u32 = 10, CLAIMED: u32 = 11;
const LESS: u8 = 0x3c, MORE: u8 = 0x3e, DOT: u8 = 0x2e, OPEN_ROUND: u8 = 0x28, CLOSE_ROUND: u8 = 0x29;
const MOST_PRIORITY: u32 = 191;
/** The byte order mark, before a message of RFC 5424. */
const BOM: u32 = 0xbfbbef;
/** An APP is looked for in so many bytes. */
const LONGEST_APP: usize = 128;

/** `option` 0: where the words of its levels are; 1: room for structured data. */
export function syslog(program: usize, at: usize, to: usize): bool {
  at = behindOctets(at, to);
  if (at < to && load<u8>(at) == LESS) {
    at = priority(program, at + 1, to);
    if (at == 0) return false;
  }
  // The version of RFC 5424.
  let end = at;
  while (end < to && end - at < 3 && isDigit(end)) end++;
  if (end > at && end < to && load<u8>(end) == BLANK) {
    if (load<u8>(at) == 0x30) return false;
    put(VERSION, at, end - at, TEXT);
    return ietf(program, end + 1, to);
  }
  return bsd(program, at, to);
}

/** RFC 6587: the length of the message, which is known. */
@inline
function behindOctets(at: usize, to: usize): usize {
  let end = at;
  while (end < to && end - at < 7 && isDigit(end)) end++;
  return end > at && end + 1 < to && load<u8>(end) == BLANK && load<u8>(end, 1) == LESS ? end + 1 : at;
}

function priority(program: usize, at: usize, to: usize): usize {
  let value: u32 = 0;
  const first = at;
  for (; at < to && at - first < 3 && isDigit(at); at++) value = value * 10 + <u32>load<u8>(at) - 0x30;
  if (at == first || at >= to || load<u8>(at) != MORE || value > MOST_PRIORITY) return 0;
  const severity = value & 7;
  put(PRIORITY, value, 0, UINT);
  put(FACILITY, value >> 3, 0, UINT);
  put(SEVERITY, severity, 0, UINT);
  const words: usize = option(program, 0) + (severity << 3);
  put(LEVEL, load<u32>(words), load<u32>(words, 4), TEXT);
  return at + 1;
}

function ietf(program: usize, at: usize, to: usize): bool {
  let end = find(at, to, BLANK);
  if (end == to) return false;
  if (end - at != 1 || load<u8>(at) != DASH) {
    const ms = isoTime(at, end, load<u32>(program, 4));
    if (ms == NO_TIME || ended != end) return false;
    putTime(ms, CLAIMED, at, end - at);
  }
  at = end + 1;
  for (let f = HOST; f < STRUCTURED; f++) {
    end = find(at, to, BLANK);
    if (end == to || end == at) return false;
    if (end - at != 1 || load<u8>(at) != DASH) put(f, at, end - at, TEXT);
    at = end + 1;
  }
  if (at >= to) return false;
  if (load<u8>(at) == DASH) at++;
  else {
    at = structured(STRUCTURED, option(program, 1), at, to);
    if (at == 0) return false;
  }
  if (at < to && load<u8>(at++) != BLANK) return false;
  if (at + 3 <= to && (load<u32>(at) & 0xffffff) == BOM) at += 3;
  put(MESSAGE, at, to - at, TEXT);
  return true;
}

function bsd(program: usize, at: usize, to: usize): bool {
  const zone: usize = load<u32>(program, 4);
  let ms = NO_TIME;
  if (at < to && isDigit(at)) {
    const end = find(at, to, BLANK);
    ms = isoTime(at, end, zone);
    if (ms != NO_TIME && ended != end) return false;
  } else ms = bsdTime(at, to, zone);
  if (ms == NO_TIME) return false;
  putTime(ms, CLAIMED, at, ended - at);
  at = ended;
  if (at == to) {
    put(MESSAGE, at, 0, TEXT);
    return true;
  }
  if (load<u8>(at) != BLANK) return false;
  at++;
  let message = app(at, to, false);
  if (message == 0) {
    // The host, and then perhaps what wrote it.
    const end = find(at, to, BLANK);
    if (end == at) return false;
    if (end - at != 1 || load<u8>(at) != DASH) put(HOST, at, end - at, TEXT);
    at = min(end + 1, to);
    message = app(at, to, true);
    if (message == 0) message = at;
  }
  put(MESSAGE, message, to - message, TEXT);
  return true;
}

/**
 * `sshd[123]:`, `kernel:`, `syslogd 1.4.1:`, `postfix/smtp[7]:`, `Some App[7]:`, `launchd[1] (com.apple.x[9]):`: what stands
 * before the message. Returns where that begins; 0: there is none.
 */
function app(at: usize, to: usize, words: bool): usize {
  const last = min(at + LONGEST_APP, to);
  let blank: usize = 0;
  let end = at;
  for (; end < last; end++) {
    const c = load<u8>(end);
    if (c == BLANK) {
      // A version may follow; or more words, when there is a PID.
      if (!words) return 0;
      if (blank == 0) blank = end;
    } else if (c == OPEN || (c == COLON && (end + 1 == to || load<u8>(end, 1) == BLANK))) break;
  }
  if (end >= last || end == at) return 0;
  const name = end;
  if (load<u8>(end) == OPEN) {
    const pid = end + 1;
    const before = load<u8>(end - 1);
    end = find(pid, min(pid + LONGEST_APP, to), CLOSE);
    if (end >= to || load<u8>(end) != CLOSE) return 0;
    if (blank != 0 && (!isDigit(pid) || before == BLANK)) return 0;
    const pidEnd = end++;
    if (end + 2 < to && load<u8>(end) == BLANK && load<u8>(end, 1) == OPEN_ROUND) {
      // A second name, of launchd: it stays part of the message, as the first is not.
      const round = find(end, min(end + LONGEST_APP, to), CLOSE_ROUND);
      if (round + 1 >= to || load<u8>(round, 1) != COLON) return 0;
      put(PID, pid, pidEnd - pid, TEXT);
      put(APP, at, name - at, TEXT);
      return end + 1;
    }
    if (end >= to || load<u8>(end) != COLON) return 0;
    put(PID, pid, pidEnd - pid, TEXT);
  } else if (blank != 0 && !isVersion(blank + 1, end)) return 0;
  put(APP, at, name - at, TEXT);
  at = end + 1;
  return at < to && load<u8>(at) == BLANK ? at + 1 : at;
}

function isVersion(at: usize, to: usize): bool {
  if (at >= to || !isDigit(at)) return false;
  for (; at < to; at++) if (!isDigit(at) && load<u8>(at) != DOT && load<u8>(at) != DASH) return false;
  return true;
}
