export { Backoff, type BackoffOptions } from './backoff.ts';
export { TestClock, sleep, systemClock, type Clock, type Timer } from './clock.ts';
export { crc32 } from './crc32.ts';
export { LateenError, codeOf, messageOf } from './errors.ts';
export {
  lineLogger,
  logLevels,
  silentLogger,
  type LineLoggerOptions,
  type LogFields,
  type LogLevel,
  type Logger,
} from './logger.ts';
export { fillRandom } from './random-bytes.ts';
export { chooseNode, requiredNodeMajor, runOnRequiredNode, type NodeChoice } from './required-node.ts';
export { lineWriter } from './line-writer.ts';
export { ok, problem, problems, formatProblem, type Problem, type Result } from './result.ts';
export { NumberMap } from './number-map.ts';
export { RingQueue } from './ring-queue.ts';
