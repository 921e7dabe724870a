// A time in one of several formats, by a program (process/time.ts makes it):
//
//   0   u32 the zone's table | u32 number of formats
//   8   formats: u32 which | u32 address of steps
//
// Formats are tried in their order, so that a text is read the same way each time.
import { NO_TIME, apacheTime, bsdTime, ended, epochTime, isoTime } from './time.as';
import { stepsEnded, stepsTime } from './timesteps.as';

const ISO: u32 = 0;
const EPOCH: u32 = 1;
const APACHE: u32 = 2;
const BSD: u32 = 3;
const HEAD: usize = 8;
const FORMAT: usize = 8;

/** Milliseconds since the epoch of the time that memory [at, to) is, all of it; NO_TIME: it is none. */
export function readTime(program: usize, at: usize, to: usize): i64 {
  const zone: usize = load<u32>(program);
  const last = program + HEAD + <usize>load<u32>(program, 4) * FORMAT;
  for (let format = program + HEAD; format < last; format += FORMAT) {
    const kind = load<u32>(format);
    let ms = NO_TIME;
    let end = to;
    if (kind == ISO) ms = isoTime(at, to, zone);
    else if (kind == EPOCH) ms = epochTime(at, to);
    else if (kind == APACHE) ms = apacheTime(at, to);
    else if (kind == BSD) ms = bsdTime(at, to, zone);
    else {
      ms = stepsTime(load<u32>(format, 4), at, to, zone);
      end = stepsEnded;
    }
    if (kind <= BSD) end = ended;
    if (ms != NO_TIME && end == to) return ms;
  }
  return NO_TIME;
}
