// The pieces of text around a record, which JavaScript puts into the scratch: a table of address and bytes at 0.
//
//                 json                                    raw
//   KEY           the key with its length before it       the same
//   HEAD          {"@timestamp":"...","message":"         the headers that do not change, framed
//   OFFSET        ","log":{...,"offset":                  the name `offset`, framed
//   LENGTH        ,"length":                              the name `length`, framed
//   SKIPPED       ,"skipped":                             the name `skipped`, framed
//   FLAGS + bits  ,"flags":["truncated"]                  the header `flags`, name and value,
//                 ,"iostream":"stdout"                    and the header `iostream`
//   AFTER         },"host":{...}...}                      nothing
//
// So the same code writes the end of a JSON document and a record's headers.
import { copy } from './bytes.as';

export const KEY: u32 = 0;
export const HEAD: u32 = 1;
export const OFFSET: u32 = 2;
export const LENGTH: u32 = 3;
export const SKIPPED: u32 = 4;
export const AFTER: u32 = 5;
/** Piece FLAGS + 0 is empty: no flags. */
export const FLAGS: u32 = 6;

@inline
export function pieceBytes(piece: u32): usize {
  return load<u32>((<usize>piece << 3) + 4);
}

@inline
export function writePiece(out: usize, piece: u32): usize {
  return copy(out, load<u32>(<usize>piece << 3), pieceBytes(piece));
}
