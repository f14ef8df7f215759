import type { Command } from './commands.ts';
import type { RedisClient } from './redis-client.ts';
import { encodeArray, encodeError, encodeRequest, encodeStatus } from './resp-writer.ts';
import { listenerOf, wrongArguments, type OnReply, type SplitterContext } from './splitter.ts';

const withoutMulti = (name: string): Buffer => encodeError(`ERR ${name.toUpperCase()} without MULTI`);

/**
 * The transaction of one client: a connection of its own to the endpoint of the first key, on which everything
 * happens until EXEC or DISCARD.
 */
export class Transaction {
  readonly #context: SplitterContext;
  #client: RedisClient | undefined;
  /** `open` from MULTI on, which the endpoint hears of with the first command. */
  #state: 'none' | 'watching' | 'open' | 'begun' = 'none';

  #ending = false;

  constructor(context: SplitterContext) {
    this.#context = context;
  }

  /** True between MULTI and its end: every command belongs to it. */
  get active(): boolean {
    return this.#state === 'open' || this.#state === 'begun';
  }

  /** True while its end is not answered. */
  get ending(): boolean {
    return this.#ending;
  }

  run(command: Command, parts: readonly Buffer[], done: OnReply): void {
    switch (command.name) {
      case 'multi':
        this.#multi(done);
        return;
      case 'exec':
      case 'discard':
        this.#end(command, parts, done);
        return;
      case 'watch':
        this.#watch(command, parts, done);
        return;
      case 'unwatch':
        if (this.active) this.#queue(parts, undefined, done);
        else {
          this.close();
          done(encodeStatus('OK'));
        }
        return;
      default:
        if (command.kind !== 'simple')
          done(encodeError(`'${command.name}' command is not supported within transaction`));
        else if (parts.length < 2) done(wrongArguments(command));
        else this.#queue(parts, parts[1], done);
    }
  }

  /** Gives the connection up; what was not executed is lost, as where a client goes away. */
  close(): void {
    this.#state = 'none';
    const client = this.#client;
    this.#client = undefined;
    client?.close();
  }

  #multi(done: OnReply): void {
    if (this.active) {
      done(encodeError('ERR MULTI calls can not be nested'));
      return;
    }
    this.#state = 'open';
    done(encodeStatus('OK'));
  }

  #watch(command: Command, parts: readonly Buffer[], done: OnReply): void {
    if (this.active) done(encodeError('ERR WATCH inside MULTI is not allowed'));
    else if (parts.length < 2) done(wrongArguments(command));
    else {
      this.#state = 'watching';
      this.#send(parts, parts[1], done);
    }
  }

  #queue(parts: readonly Buffer[], key: Buffer | undefined, done: OnReply): void {
    if (!this.#begin(key)) done(encodeError('no upstream host'));
    else this.#send(parts, key, done);
  }

  #end(command: Command, parts: readonly Buffer[], done: OnReply): void {
    if (!this.active) {
      done(withoutMulti(command.name));
      return;
    }
    if (this.#client === undefined) {
      // Nothing was queued.
      this.#state = 'none';
      done(command.name === 'exec' ? encodeArray([]) : encodeStatus('OK'));
      return;
    }
    this.#begin(undefined);
    const client = this.#client;
    this.#client = undefined;
    this.#state = 'none';
    this.#ending = true;
    client.send(
      encodeRequest(parts),
      listenerOf((reply) => {
        this.#ending = false;
        client.drain();
        done(reply);
      }),
    );
  }

  /** Tells the endpoint of MULTI; false where there is none. */
  #begin(key: Buffer | undefined): boolean {
    if (this.#state === 'begun') return true;
    const client = this.#connect(key);
    if (client === undefined) return false;
    client.send(
      encodeRequest(['MULTI']),
      listenerOf(() => {}),
    );
    this.#state = 'begun';
    return true;
  }

  #send(parts: readonly Buffer[], key: Buffer | undefined, done: OnReply): void {
    const client = this.#connect(key);
    if (client === undefined) {
      done(encodeError('no upstream host'));
      return;
    }
    const routed = key === undefined ? undefined : this.#context.routes.find(key);
    client.send(encodeRequest(routed === undefined ? parts : parts.with(1, routed.key)), listenerOf(done));
  }

  #connect(key: Buffer | undefined): RedisClient | undefined {
    if (this.#client !== undefined) return this.#client.over ? undefined : this.#client;
    const { routes, upstreams } = this.#context;
    const routed = key === undefined ? undefined : routes.find(key);
    const chosen = routed === undefined ? undefined : routes.hostOf(routed, routed.route.ref, false);
    this.#client = chosen === undefined ? undefined : upstreams.open(chosen.cluster, chosen.host);
    return this.#client;
  }
}
