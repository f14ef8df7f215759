import { closeSync, constants, openSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { Duplex } from 'node:stream';
import { libc } from './libc.ts';

const requests = { getNumber: 0x80045430, setLock: 0x40045431, setSize: 0x5414 } as const;

/** A pseudo-terminal: the side that programs see, and the side that plays the keyboard and the screen. */
export interface Terminal {
  /** Descriptor of the programs' side; close it once the program has it. */
  readonly programSide: number;
  /** What is typed goes in, what is shown comes out; ends when the last program has closed its side. */
  readonly screen: Duplex;
  readonly resize: (columns: number, rows: number) => void;
}

/** Opens a new terminal of the devpts that is mounted at this directory. */
export function openTerminal(devpts: string): Terminal {
  const openFlags = constants.O_RDWR | constants.O_NOCTTY;
  const fd = openSync(`${devpts}/ptmx`, openFlags);
  let programSide: number;
  try {
    libc('ioctl', fd, requests.setLock, new Int32Array([0]));
    const number = new Int32Array(1);
    libc('ioctl', fd, requests.getNumber, number);
    programSide = openSync(`${devpts}/${number[0]}`, openFlags);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const reader = new ReadStream(fd);
  let ended = false;
  const screen = new Duplex({
    allowHalfOpen: true,
    read: () => void reader.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (ended) done();
      else reader.write(chunk, () => done());
    },
    // The end of what is typed: what Ctrl-D says to a program that reads lines.
    final(done) {
      if (!ended) reader.write(Buffer.from([4]));
      done();
    },
    destroy(error, done) {
      ended = true;
      reader.destroy();
      done(error);
    },
  });
  const end = (): void => {
    if (ended) return;
    ended = true;
    screen.push(null);
    screen.end();
    reader.destroy();
  };
  reader.on('data', (chunk: Buffer) => {
    if (!screen.push(chunk)) reader.pause();
  });
  // Linux says EIO, not end of file, when the last program has gone.
  reader.on('error', end).on('end', end).on('close', end);
  return {
    programSide,
    screen,
    resize(columns, rows) {
      if (ended) return;
      libc('ioctl', fd, requests.setSize, new Uint8Array(new Uint16Array([rows, columns, 0, 0]).buffer));
    },
  };
}
