import type { StatsSnapshot } from '../telemetry/stats-snapshot.ts';

/** What two processes must have in common to hand over; changes when the messages below do. */
export const hotRestartVersion = 'lateen.1';

/** What the new process says first. */
export interface Hello {
  readonly version: string;
  readonly epoch: number;
}

/**
 * Answers to it: descriptors of the listening sockets come with it, in the order of their addresses, and more of them
 * with further messages; or why nothing is handed over.
 */
export type Welcome =
  | { readonly addresses: readonly string[]; readonly more: boolean; readonly generation: number }
  | { readonly refused: string };

/** What the new process asks afterwards. */
export type Request =
  | { readonly ask: 'stats'; readonly id: number }
  | { readonly ask: 'release_admin'; readonly id: number }
  /** Traffic is taken over: the other drains, and ends after the time. */
  | { readonly ask: 'drain'; readonly id: number; readonly endAfterMs: number };

/** What is answered, and what the old process says last. */
export type Reply =
  | { readonly id: number; readonly stats?: StatsSnapshot; readonly connections?: number }
  | { readonly ended: StatsSnapshot };

/** Where the process of a generation can be reached: an abstract name where the path begins with `@`. */
export function socketPath(base: string, baseId: number, epoch: number): string {
  const path = `${base}_${baseId}_${epoch}`;
  return path.startsWith('@') ? `\0${path.slice(1)}` : path;
}

/** Gives out whole lines of what comes in pieces. */
export function lineReader(onLine: (line: string) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
}
