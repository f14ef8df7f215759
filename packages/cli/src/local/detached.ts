import { spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { LateenError, messageOf } from '@lateen/core';
import type { CommandContext } from '../context.ts';
import type { Progress, Step } from '../output/progress.ts';
import type { UpFacts, UpOptions } from './bring-up.ts';

/** What the process in the background tells the one in front until it is ready. */
type Report =
  | { readonly type: 'start'; readonly id: number; readonly name: string }
  | { readonly type: 'detail'; readonly id: number; readonly text: string }
  | { readonly type: 'done'; readonly id: number; readonly note?: string }
  | { readonly type: 'step-failed'; readonly id: number }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'ready'; readonly facts: UpFacts }
  | { readonly type: 'failed'; readonly code: string; readonly message: string; readonly hint?: string };

/** Starts the same `up` in the background and shows its progress; resolves when it is ready. */
export async function startDetached(
  context: CommandContext,
  options: UpOptions,
  progress: Progress,
): Promise<UpFacts> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const log = openSync(join(options.dataDir, 'up.log'), 'w', 0o600);
  const args = [
    join(context.installationDir, 'dist/lateen.mjs'),
    'up',
    '--data-dir',
    options.dataDir,
    '--log-level',
    options.logLevel,
    ...(options.demo ? ['--demo'] : []),
    ...(options.allowHostPath ? ['--allow-host-path'] : []),
    ...(options.clusterOnly ? ['--cluster-only'] : []),
    ...(options.profile === undefined ? [] : ['--profile', options.profile]),
  ];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log, 'ipc'] });
  const show = replay(progress);
  try {
    return await new Promise<UpFacts>((resolve, reject) => {
      child.on('message', (report: Report) => {
        if (report.type === 'ready') resolve(report.facts);
        else if (report.type === 'failed') {
          const { code, message, hint } = report;
          reject(new LateenError(code, message, hint === undefined ? {} : { hint }));
        } else show(report);
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        reject(
          new LateenError(
            'cli.upEnded',
            `the process in the background ended with ${signal ?? `code ${code}`}`,
            {
              hint: `its output is ${join(options.dataDir, 'up.log')}`,
            },
          ),
        );
      });
      process.once('SIGINT', () => child.kill('SIGTERM'));
    });
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
}

function replay(progress: Progress): (report: Report) => void {
  const steps = new Map<number, Step>();
  return (report) => {
    switch (report.type) {
      case 'start':
        steps.set(report.id, progress.start(report.name));
        break;
      case 'detail':
        steps.get(report.id)?.detail(report.text);
        break;
      case 'done':
        steps.get(report.id)?.done(report.note);
        break;
      case 'step-failed':
        steps.get(report.id)?.failed();
        break;
      case 'say':
        progress.say(report.text);
        break;
      default:
    }
  };
}

/** The process in front, where there is one: it shows the progress and is told the outcome. */
export interface ParentReport {
  readonly progress: Progress;
  ready(facts: UpFacts): void;
  failed(error: unknown): void;
}

/** The parent to report to; undefined in a process that was not started by {@link startDetached}. */
export function reportToParent(): ParentReport | undefined {
  if (process.send === undefined) return undefined;
  const send = (report: Report): void => {
    if (process.connected) process.send?.(report, undefined, {}, () => {});
  };
  // The parent may go away at any time: this process goes on.
  process.on('disconnect', () => {});
  let nextId = 1;
  return {
    progress: {
      start(name) {
        const id = nextId++;
        send({ type: 'start', id, name });
        return {
          detail: (text) => send({ type: 'detail', id, text }),
          done: (note) => send({ type: 'done', id, ...(note === undefined ? {} : { note }) }),
          failed: () => send({ type: 'step-failed', id }),
        };
      },
      say: (text) => send({ type: 'say', text }),
    },
    ready: (facts) => send({ type: 'ready', facts }),
    failed: (error) =>
      send({
        type: 'failed',
        code: error instanceof LateenError ? error.code : 'cli.upFailed',
        message: messageOf(error),
        ...(error instanceof LateenError && error.hint !== undefined ? { hint: error.hint } : {}),
      }),
  };
}
