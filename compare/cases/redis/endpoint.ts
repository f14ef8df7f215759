import type { Dialogue, Ports, Step } from '../../case.ts';

/** `*2 $3 GET $1 k`, of words between spaces. */
export function encode(command: string): string {
  const words = command.split(' ');
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** Whole requests at the beginning of a text, and what is left. */
function readRequests(text: string): { readonly requests: string[][]; readonly rest: string } {
  const requests: string[][] = [];
  let rest = text;
  for (;;) {
    const [head = '', count] = /^\*(\d+)\r\n/.exec(rest) ?? [];
    if (count === undefined) return { requests, rest };
    const words: string[] = [];
    let at = head.length;
    for (let i = 0; i < Number(count); i++) {
      const [line, length] = /^\$(\d+)\r\n/.exec(rest.slice(at)) ?? [];
      if (line === undefined || rest.length < at + line.length + Number(length) + 2)
        return { requests, rest };
      words.push(rest.slice(at + line.length, at + line.length + Number(length)));
      at += line.length + Number(length) + 2;
    }
    requests.push(words);
    rest = rest.slice(at);
  }
}

const string = (value: string): string => `$${value.length}\r\n${value}\r\n`;

/** A key says how a request for it is answered. */
function byKey(key: string, ports: Ports): readonly Step[] | undefined {
  switch (/^(?:\w+:)?([a-z]+)\d*$/.exec(key)?.[1]) {
    case 'nil':
      return ['$-1\r\n'];
    case 'err':
      return ['-WRONGTYPE of another kind\r\n'];
    case 'int':
      return [':7\r\n'];
    case 'array':
      return ['*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n+OK\r\n'];
    case 'nothing':
      return ['*-1\r\n'];
    case 'silent':
      return [];
    case 'close':
      return [{ close: true }];
    case 'half':
      return ['$5\r\nab', { close: true }];
    case 'garbage':
      return ['?what\r\n'];
    case 'twice':
      return ['+OK\r\n+OK\r\n'];
    case 'moved':
      return [`-MOVED 1 127.0.0.1:${ports.up2}\r\n`];
    case 'ask':
      return [`-ASK 1 127.0.0.1:${ports.up2}\r\n`];
    case 'lost':
      return ['-MOVED 1\r\n'];
    default:
      return undefined;
  }
}

function byCommand([command = '', ...args]: readonly string[]): string {
  switch (command.toLowerCase()) {
    case 'get':
      return string(`of ${args[0]}`);
    case 'del':
    case 'exists':
    case 'touch':
    case 'unlink':
    case 'incr':
      return ':1\r\n';
    case 'eval':
    case 'evalsha':
      return string(`script for ${args[2]}`);
    case 'ping':
      return '+PONG\r\n';
    case 'exec':
      return '*1\r\n+OK\r\n';
    default:
      return '+OK\r\n';
  }
}

/** A Redis that answers by the names of keys; `isOther` is one that has what the first one has moved to it. */
export const redisEndpoint =
  (ports: () => Ports, isOther = false): Dialogue =>
  (say) => {
    let text = '';
    let queues = false;
    return (bytes) => {
      const { requests, rest } = readRequests(text + bytes.toString('latin1'));
      text = rest;
      for (const request of requests) {
        const name = request[0]?.toLowerCase() ?? '';
        const ends = name === 'exec' || name === 'discard';
        if (ends) queues = false;
        if (queues) say(['+QUEUED\r\n']);
        else say((isOther ? undefined : byKey(request[1] ?? '', ports())) ?? [byCommand(request)]);
        if (name === 'multi') queues = true;
      }
    };
  };
