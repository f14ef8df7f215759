import type { RedisClusterStats } from '../telemetry/redis-cluster-stats.ts';
import { commands } from './commands.ts';
import type { ReplyListener } from './redis-client.ts';

/** Counts what endpoints of a cluster are sent (`enable_command_stats`). */
export interface CommandCounts {
  readonly stats: RedisClusterStats;
  /** Milliseconds, with fractions. */
  readonly nowMs: () => number;
}

const errorByte = 45;
const lineFeed = 10;
const carriageReturn = 13;

/** The name of the command of a request, whose first lines are the count of its words and the length of the first one. */
function commandOf(request: Buffer): string {
  const start = request.indexOf(lineFeed, request.indexOf(lineFeed) + 1) + 1;
  const name = request.toString('latin1', start, request.indexOf(carriageReturn, start)).toLowerCase();
  const command = commands.get(name);
  // As Envoy, which has names for what it passes on by a key alone.
  return command === undefined || command.kind === 'transaction' ? 'unknown' : name;
}

/** Counts a request and its answer; one that is not answered is neither a success nor a failure. */
export function countedReply(
  request: Buffer,
  listener: ReplyListener,
  { stats, nowMs }: CommandCounts,
): ReplyListener {
  const command = stats.command(commandOf(request));
  command.total++;
  const sinceMs = nowMs();
  return {
    onReply(reply) {
      if (reply[0] === errorByte) command.failure++;
      else command.success++;
      const micros = Math.round((nowMs() - sinceMs) * 1_000);
      command.latency.record(micros);
      stats.requestTime.record(micros);
      listener.onReply(reply);
    },
    onFailure: (text) => listener.onFailure(text),
  };
}
