/** `parse: klog`: what Kubernetes and others write by klog or glog. */
import { placeWords } from '../../kernel/process/formats.ts';
import { placeSteps } from '../../kernel/process/time.ts';
import { timeSteps } from '../time-pattern.ts';
import { CLAIMED, fixedFormat } from './fixed.ts';

/** Of the letters I, W, E, F. */
const LEVELS = ['info', 'warning', 'error', 'fatal'];

export const klog = fixedFormat({
  name: 'klog',
  text: 'klog and glog: I0921 14:13:20.123456 12345 file.go:123] message.',
  parser: 'klog',
  timed: 'zone',
  options: {},
  names: () => ['log.level', 'process.thread.id', 'log.origin.file.name', 'log.origin.file.line', 'message', CLAIMED],
  numbers: (_, { arena }) => [placeSteps(arena, timeSteps('%m%d %H:%M:%S%?f')), placeWords(arena, LEVELS)],
});
