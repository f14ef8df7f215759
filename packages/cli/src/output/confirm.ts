import { createInterface } from 'node:readline';
import type { CommandContext } from '../context.ts';

/** Asks a question that is answered with y; anything else, and the end of the input, is no. */
export async function confirm(context: CommandContext, question: string): Promise<boolean> {
  context.stdout.write(`${question} (y/N) `);
  const lines = createInterface({ input: context.stdin });
  const answer = await new Promise<string>((resolve) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(''));
  });
  lines.close();
  if (!context.stdin.isTTY) context.stdout.write('\n');
  return /^y(es)?$/i.test(answer.trim());
}
