import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { RedisProxy } from '../model/redis.ts';
import type { Command } from './commands.ts';
import type { KeyRoutes, RoutedKey } from './key-routes.ts';
import { nobody, type ReplyListener } from './redis-client.ts';
import { encodeArray, encodeError, encodeInteger, encodeRequest, encodeStatus } from './resp-writer.ts';
import { Redirections } from './redirections.ts';
import type { RedisUpstreams } from './upstreams.ts';

export type OnReply = (reply: Buffer) => void;

/** The arguments do not fit the command. */
export const wrongArguments = ({ name }: Command): Buffer =>
  encodeError(`ERR wrong number of arguments for '${name}' command`);

const noHost = 'no upstream host';
const errorByte = 45;
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

  /** `done` is called once, at once where nobody has to be asked. False: the arguments do not fit. */
  run(command: Command, parts: readonly Buffer[], done: OnReply): boolean {
    const args = parts.slice(1);
    switch (command.kind) {
      case 'simple':
        if (args.length === 0) return false;
        this.#one(command, parts, 1, done);
        return true;
      case 'script':
        if (args.length < 3) return false;
        this.#one(command, parts, 3, done);
        return true;
      case 'mget':
        if (args.length === 0) return false;
        this.#each(
          command,
          args.map((key) => ['GET', key]),
          (replies) => done(encodeArray(replies)),
        );
        return true;
      case 'mset':
        if (args.length === 0 || args.length % 2 !== 0) return false;
        this.#each(
          command,
          pairs(args).map(([key, value]) => ['SET', key, value]),
          (replies) => done(errorsOf(replies, (reply) => reply[0] === errorByte) ?? encodeStatus('OK')),
        );
        return true;
      case 'sum':
        if (args.length === 0) return false;
        this.#each(
          command,
          args.map((key) => [command.name, key]),
          (replies) =>
            done(errorsOf(replies, (reply) => reply[0] !== integerByte) ?? encodeInteger(sumOf(replies))),
        );
        return true;
      default:
        this.#everywhere(parts, done);
        return true;
    }
  }

  #one(command: Command, parts: readonly Buffer[], keyAt: number, done: OnReply): void {
    const routed = this.#context.routes.find(parts[keyAt] as Buffer);
    if (routed === undefined) {
      done(encodeError(noHost));
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

  /** Asks every endpoint; the first error is the answer, else that of the first endpoint. */
  #everywhere(parts: readonly Buffer[], done: OnReply): void {
    const { routes, upstreams } = this.#context;
    const request = encodeRequest(parts);
    const clients = routes.clusters.flatMap(({ cluster }) =>
      cluster === undefined ? [] : [...cluster.hosts].map((host) => upstreams.client(cluster, host)),
    );
    if (clients.length === 0 || clients.includes(undefined)) {
      done(encodeError(noHost));
      return;
    }
    let left = clients.length;
    let answer: Buffer | undefined;
    const onReply = (reply: Buffer): void => {
      if (answer === undefined || (reply[0] === errorByte && answer[0] !== errorByte)) answer = reply;
      left--;
      if (left === 0) done(answer);
    };
    for (const client of clients) client?.send(request, listenerOf(onReply));
  }

  #ask(command: Command, routed: RoutedKey, request: Buffer, done: OnReply): void {
    const { route } = routed;
    const ref = command.reads && route.readRef !== undefined ? route.readRef : route.ref;
    if (!this.#send(command, routed, ref, request, listenerOf(done))) {
      done(encodeError(noHost));
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
  return { onReply: done, onFailure: (text) => done(encodeError(text)) };
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
