import { closeSync, fchownSync } from 'node:fs';
import type { StdioOptions } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { createPipe, readPipe, writePipe } from './pipe.ts';
import { openTerminal } from './terminal.ts';

/** How a program is connected to whoever started it. */
export interface ProgramStreams {
  /** Descriptors for the program, to be given to `spawn`. */
  readonly stdio: Extract<StdioOptions, readonly unknown[]>;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  /** None with a terminal, which shows both. */
  readonly stderr: Readable | undefined;
  readonly resize: (columns: number, rows: number) => void;
  /** To be called once the program has been started, whether that worked or not. */
  closeProgramSide(): void;
}

/** Pipes; their ends belong to the user that the program will be, so that it may open /dev/stdout again. */
export function pipeStreams(
  owner: { readonly uid: number; readonly gid: number },
  withStdin: boolean,
): ProgramStreams {
  const out = createPipe();
  const err = createPipe();
  const input = withStdin ? createPipe() : undefined;
  for (const fd of [out.write, err.write]) fchownSync(fd, owner.uid, owner.gid);
  const programSide = [out.write, err.write, ...(input === undefined ? [] : [input.read])];
  return {
    stdio: [input?.read ?? 'ignore', out.write, err.write],
    stdin: input === undefined ? undefined : writePipe(input.write),
    stdout: readPipe(out.read),
    stderr: readPipe(err.read),
    resize: () => {},
    closeProgramSide: () => programSide.forEach((fd) => closeSync(fd)),
  };
}

/** A terminal of the devpts mounted at this directory. */
export function terminalStreams(
  owner: { readonly uid: number; readonly gid: number },
  devpts: string,
): ProgramStreams {
  const terminal = openTerminal(devpts);
  fchownSync(terminal.programSide, owner.uid, -1);
  const { screen, programSide } = terminal;
  return {
    stdio: [programSide, programSide, programSide],
    stdin: screen,
    stdout: screen,
    stderr: undefined,
    resize: terminal.resize,
    closeProgramSide: () => closeSync(programSide),
  };
}
