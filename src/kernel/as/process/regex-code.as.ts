// The instructions of a regular expression's program, as kernel/process/regex/place.ts writes them: eight words each.
//
//   op | next | other | set, or text | second set | least, slot, bytes of text | number of the choice, group | most, last slot
//
//   MATCH    it has matched
//   TEXT     these bytes, at most 16
//   CLASS    a character of the set
//   SPAN     a run of the set: what follows cannot begin with one; `group`, from 1: it is all that this group captures
//   BRANCH   next where the set begins, else other
//   SPLIT    next, and if that fails other; the sets tell how each may begin
//   SAVE     the place, in a slot
//   CLEAR    slots [slot, last slot]: what a turn of a loop captured is not that of the turn before
//   GREEDY   a run of the set, then what follows, at its last place, or the one before, ...; number of the walk behind `most`
//   LAZY     the same from its first place on
//   BEGIN, END, WORD, AHEAD, BEHIND   look only; `least` 1: it must not be so

export const NEXT: usize = 4;
export const OTHER: usize = 8;
export const SET: usize = 12;
export const SECOND: usize = 16;
export const LEAST: usize = 20;
export const CHOICE: usize = 24;
export const GROUP: usize = 24;
export const MOST: usize = 28;

export const MATCH: u32 = 0;
export const TEXT: u32 = 1;
export const CLASS: u32 = 2;
export const SPAN: u32 = 3;
export const BRANCH: u32 = 4;
export const SPLIT: u32 = 5;
export const SAVE: u32 = 6;
export const CLEAR: u32 = 7;
export const GREEDY: u32 = 8;
export const LAZY: u32 = 9;
export const BEGIN: u32 = 10;
export const END: u32 = 11;
export const WORD: u32 = 12;
export const AHEAD: u32 = 13;
export const BEHIND: u32 = 14;
