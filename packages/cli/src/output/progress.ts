import type { Clock, Timer } from '@lateen/core';
import type { Output } from '../context.ts';
import { styleFor } from './style.ts';

/** One step that is under way. */
export interface Step {
  /** Shown after the name while the step runs, as `2 of 6 pods`; only on a terminal. */
  detail(text: string): void;
  done(note?: string): void;
  failed(): void;
}

/** Shows steps: on a terminal a moving line for the one under way, else one plain line when it is done. */
export interface Progress {
  start(name: string): Step;
  /** A line of its own between steps. */
  say(text: string): void;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function createProgress(output: Output, clock: Clock): Progress {
  const style = styleFor(output);
  const running: { readonly name: string; detail: string }[] = [];
  let frame = 0;
  let ticker: Timer | undefined;

  const clear = (): void => {
    if (output.isTerminal) output.write('\r\u001b[2K');
  };
  const draw = (): void => {
    const current = running.at(-1);
    if (!output.isTerminal || current === undefined) return;
    const text = `${frames[frame % frames.length]} ${current.name} ${current.detail}`;
    output.write(`\r\u001b[2K${text.slice(0, output.columns - 1)}`);
  };
  const line = (text: string): void => {
    clear();
    output.write(`${text}\n`);
    draw();
  };
  return {
    say: line,
    start(name) {
      const entry = { name, detail: '' };
      const startedMs = clock.monotonicMs();
      running.push(entry);
      if (output.isTerminal) {
        ticker ??= clock.every(100, () => {
          frame++;
          draw();
        });
      }
      draw();
      const finish = (text: string): void => {
        const at = running.indexOf(entry);
        if (at < 0) return;
        running.splice(at, 1);
        if (running.length === 0) {
          ticker?.cancel();
          ticker = undefined;
        }
        line(text);
      };
      const took = (): string => style.soft(seconds(clock.monotonicMs() - startedMs));
      return {
        detail(text) {
          entry.detail = text;
          draw();
        },
        done: (note) => finish(`${style.good('✔')} ${name}${note === undefined ? '' : ` ${note}`} ${took()}`),
        failed: () => finish(`${style.bad('✘')} ${name} ${took()}`),
      };
    },
  };
}
