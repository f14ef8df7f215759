import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { RedisProxy } from '../model/redis.ts';
import type { Command } from './commands.ts';
import type { KeyRoutes, RoutedKey } from './key-routes.ts';
import { nobody, type RedisClient, type ReplyListener } from './redis-client.ts';
import { encodeArray, encodeError, encodeInteger, encodeRequest, encodeStatus } from './resp-writer.ts';
import { Redirections } from './redirections.ts';
import type { RedisUpstreams } from './upstreams.ts';

/** Hears an answer; `good` is what becomes of the command's statistics, undefined where it counts as neither. */
export type OnReply = (reply: Buffer, good?: boolean) => void;

/** The arguments do not fit the command, which is named as the client wrote it. */
export const wrongArguments = (name: Buffer): Buffer =>
  encodeError(`wrong number of arguments for '${name.toString('latin1')}' command`);

const noHost = 'no upstream host';
const errorByte = 45;
const stringByte = 36;
const starByte = 42;
const ok = encodeStatus('OK');
const integerByte = 58;

export interface SplitterContext {
  readonly model: RedisProxy;
  readonly routes: KeyRoutes;
  readonly upstreams: RedisUpstreams;
  readonly random: () => number;
}

/** Carries a command out by the endpoints of its keys. */
export class Splitter {
  readonly #context: SplitterContext;

  constructor(context: SplitterContext) {
    this.#context = context;
  }

  /** `done` is called once, at once where nobody has to be asked. */
  run(command: Command, parts: readonly Buffer[], done: OnReply): void {
    const [name, ...args] = parts as [Buffer, ...Buffer[]];
    switch (command.kind) {
      case 'simple':
        this.#one(command, parts, 1, done);
        break;
      case 'object':
        if (args.length < 2) done(wrongArguments(name), false);
        else this.#one(command, parts, 2, done);
        break;
      case 'script':
        if (args.length < 3) done(wrongArguments(name), false);
        else this.#one(command, parts, 3, done);
        break;
      case 'mget':
        this.#each(
          command,
          args.map((key) => ['get', key]),
          (replies) => {
            const values = replies.map((reply) => (isValue(reply) ? reply : noValue));
            done(
              encodeArray(values),
              values.every((value) => value[0] === stringByte),
            );
          },
        );
        break;
      case 'mset':
        if (args.length % 2 !== 0) {
          done(wrongArguments(name), false);
          break;
        }
        this.#each(
          command,
          pairs(args).map(([key, value]) => ['set', key, value]),
          (replies) =>
            finish(
              done,
              errorsOf(replies, (reply) => !reply.equals(ok)),
              ok,
            ),
        );
        break;
      case 'sum':
        this.#each(
          command,
          args.map((key) => [name, key]),
          (replies) => {
            const errors = errorsOf(replies, (reply) => reply[0] !== integerByte);
            finish(done, errors, errors ?? encodeInteger(sumOf(replies)));
          },
        );
        break;
      case 'anywhere':
        this.#anywhere(parts, done);
        break;
      default:
        this.#everywhere(command, parts, done);
    }
  }

  #one(command: Command, parts: readonly Buffer[], keyAt: number, done: OnReply): void {
    const routed = this.#context.routes.find(parts[keyAt] as Buffer);
    if (routed === undefined) {
      done(encodeError(noHost), false);
      return;
    }
    this.#ask(command, routed, encodeRequest(parts.with(keyAt, routed.key)), done);
  }

  /** Asks for each key by itself; `done` hears all answers in their order. */
  #each(
    command: Command,
    requests: readonly (readonly (string | Buffer)[])[],
    done: (replies: readonly Buffer[]) => void,
  ): void {
    const replies: Buffer[] = new Array(requests.length);
    let left = requests.length;
    requests.forEach((request, i) => {
      const onReply = (reply: Buffer): void => {
        replies[i] = reply;
        left--;
        if (left === 0) done(replies);
      };
      const routed = this.#context.routes.find(request[1] as Buffer);
      if (routed === undefined) onReply(encodeError(noHost));
      else this.#ask(command, routed, encodeRequest(request.with(1, routed.key)), onReply);
    });
  }

  #clients(): readonly (RedisClient | undefined)[] {
    const { routes, upstreams } = this.#context;
    return routes.clusters.flatMap(({ cluster }) =>
      cluster === undefined ? [] : [...cluster.hosts].map((host) => upstreams.client(cluster, host)),
    );
  }

  /** Asks every endpoint; the first error is the answer, else what all say together. */
  #everywhere(command: Command, parts: readonly Buffer[], done: OnReply): void {
    const request = encodeRequest(parts);
    const clients = this.#clients();
    if (clients.length === 0 || clients.includes(undefined)) {
      done(encodeError(noHost), false);
      return;
    }
    const replies: Buffer[] = new Array(clients.length);
    let left = clients.length;
    clients.forEach((client, i) => {
      client?.send(
        request,
        listenerOf((reply) => {
          replies[i] = reply;
          left--;
          if (left > 0) return;
          const answer = command.kind === 'lists' ? joined(replies) : agreed(replies);
          done(answer, answer[0] !== errorByte);
        }),
      );
    });
  }

  #anywhere(parts: readonly Buffer[], done: OnReply): void {
    const clients = this.#clients();
    const client = clients[Math.floor(this.#context.random() * clients.length)];
    if (client === undefined) done(encodeError(noHost), false);
    else client.send(encodeRequest(parts), listenerOf(done));
  }

  #ask(command: Command, routed: RoutedKey, request: Buffer, done: OnReply): void {
    const { route } = routed;
    const ref = command.reads && route.readRef !== undefined ? route.readRef : route.ref;
    if (!this.#send(command, routed, ref, request, listenerOf(done))) {
      done(encodeError(noHost), false);
      return;
    }
    for (const { ref: mirror, fraction, excludeReads } of route.mirrors) {
      if (excludeReads && command.reads) continue;
      if (fraction !== undefined && this.#context.random() * fraction.denominator >= fraction.numerator)
        continue;
      this.#send(command, routed, mirror, request, nobody);
    }
  }

  /** False where there is no endpoint. */
  #send(
    command: Command,
    routed: RoutedKey,
    ref: ClusterRef,
    request: Buffer,
    listener: ReplyListener,
  ): boolean {
    const { routes, upstreams, model } = this.#context;
    const chosen = routes.hostOf(routed, ref, command.reads);
    const client = chosen === undefined ? undefined : upstreams.client(chosen.cluster, chosen.host);
    const hears =
      chosen !== undefined && model.followsRedirections && listener !== nobody
        ? new Redirections(chosen.cluster, upstreams, request, listener)
        : listener;
    client?.send(request, hears);
    return client !== undefined;
  }
}

export function listenerOf(done: OnReply): ReplyListener {
  return { onReply: (reply) => done(reply, true), onFailure: (text) => done(encodeError(text), false) };
}

function finish(done: OnReply, errors: Buffer | undefined, answer: Buffer): void {
  done(errors ?? answer, errors === undefined);
}

/** What may stand for a key in the answer to `MGET`: a string, nothing, an error. */
function isValue(reply: Buffer): boolean {
  return reply[0] === stringByte || reply[0] === errorByte;
}

const noValue = encodeError('upstream protocol error');

const firstError = (replies: readonly Buffer[]): Buffer | undefined =>
  replies.find((reply) => reply[0] === errorByte);

/** The answer that all give. */
function agreed(replies: readonly Buffer[]): Buffer {
  const [first] = replies as [Buffer];
  const same = replies.every((reply) => reply.equals(first));
  return firstError(replies) ?? (same ? first : encodeError('all responses not same'));
}

/** The lists of all, as one. */
function joined(replies: readonly Buffer[]): Buffer {
  const error = firstError(replies);
  if (error !== undefined) return error;
  let count = 0;
  const elements: Buffer[] = [];
  for (const reply of replies) {
    if (reply[0] !== starByte) return encodeError('non-array response received from shard');
    const head = reply.indexOf('\r\n');
    count += Math.max(0, Number(reply.toString('latin1', 1, head)));
    elements.push(reply.subarray(head + 2));
  }
  return Buffer.concat([Buffer.from(`*${count}\r\n`), ...elements]);
}

function pairs(args: readonly Buffer[]): (readonly [Buffer, Buffer])[] {
  return Array.from({ length: args.length / 2 }, (_, i) => [
    args[2 * i] as Buffer,
    args[2 * i + 1] as Buffer,
  ]);
}

/** As Envoy says how many of the answers were none; undefined where all were good. */
function errorsOf(replies: readonly Buffer[], isError: (reply: Buffer) => boolean): Buffer | undefined {
  const count = replies.filter(isError).length;
  return count === 0 ? undefined : encodeError(`finished with ${count} error(s)`);
}

function sumOf(replies: readonly Buffer[]): bigint {
  return replies.reduce((sum, reply) => sum + BigInt(reply.toString('latin1', 1, reply.length - 2)), 0n);
}
