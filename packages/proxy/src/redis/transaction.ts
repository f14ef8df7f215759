import type { Command, CommandKind } from './commands.ts';
import type { RedisClient } from './redis-client.ts';
import { encodeArray, encodeError, encodeRequest, encodeStatus } from './resp-writer.ts';
import { listenerOf, wrongArguments, type OnReply, type SplitterContext } from './splitter.ts';

const withoutMulti = (name: string): Buffer => encodeError(`${name.toUpperCase()} without MULTI`);

const inTransactions: ReadonlySet<CommandKind> = new Set(['simple', 'mget', 'mset', 'sum']);

/** Whether the i-th part of a command is a key. */
function isKey({ kind, name }: Command, i: number): boolean {
  if (i === 0 || name === 'unwatch') return false;
  if (kind === 'simple') return i === 1;
  return kind !== 'mset' || i % 2 === 1;
}

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
        if (this.active) this.#queue(command, parts, undefined, done);
        else {
          this.close();
          done(encodeStatus('OK'));
        }
        return;
      default:
        if (!inTransactions.has(command.kind))
          done(encodeError(`'${String(parts[0])}' command is not supported within transaction`));
        else this.#queue(command, parts, parts[1], done);
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
      done(encodeError('MULTI calls can not be nested'));
      return;
    }
    this.#state = 'open';
    done(encodeStatus('OK'));
  }

  #watch(command: Command, parts: readonly Buffer[], done: OnReply): void {
    if (parts.length < 2) done(wrongArguments(parts[0] as Buffer));
    else if (this.active) done(encodeError('ERR WATCH inside MULTI is not allowed'));
    else {
      this.#state = 'watching';
      this.#send(command, parts, parts[1], done);
    }
  }

  #queue(command: Command, parts: readonly Buffer[], key: Buffer | undefined, done: OnReply): void {
    if (!this.#begin(key)) done(encodeError('no upstream host'), false);
    else this.#send(command, parts, key, done);
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
      listenerOf((reply, good) => {
        this.#ending = false;
        client.drain();
        done(reply, good);
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

  #send(command: Command, parts: readonly Buffer[], key: Buffer | undefined, done: OnReply): void {
    const client = this.#connect(key);
    if (client === undefined) {
      done(encodeError('no upstream host'), false);
      return;
    }
    const asEndpoint = (part: Buffer, i: number): Buffer =>
      isKey(command, i) ? (this.#context.routes.find(part)?.key ?? part) : part;
    client.send(encodeRequest(parts.map(asEndpoint)), listenerOf(done));
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
