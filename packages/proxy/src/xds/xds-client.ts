import { Backoff, RingQueue, messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import { OutageLog } from './outage-log.ts';
import type { RequestLimit } from './request-limit.ts';
import type { ResourceType } from './resource-type.ts';
import type { Session } from './session.ts';
import { Subscription, type ResourceSink } from './subscription.ts';

/** One open stream, whatever carries it. */
export interface XdsStream<Request> {
  send(request: Request): void;
  /** Ends it; no callback follows. */
  cancel(): void;
}

/** What a stream tells. */
export interface StreamHandlers<Response> {
  /** The stream has a connection, and requests go out on it; an answer may never come. */
  onOpen(): void;
  onMessage(response: Response): void;
  /** The stream is over, for the reason given; nothing follows. */
  onEnd(reason: string): void;
}

/** Parts of a client that differ between the variants of xDS. */
export interface XdsVariant<Request, Response> {
  open(handlers: StreamHandlers<Response>): XdsStream<Request>;
  /** Begins the conversation on a new stream. */
  session(context: {
    readonly subscriptions: ReadonlyMap<ResourceType, Subscription>;
    readonly sink: ResourceSink;
    send(request: Request): void;
  }): Session<Response>;
}

export interface XdsClientOptions {
  /** The kinds that this connection is asked for. */
  readonly types: readonly ResourceType[];
  /** Kinds that would be wanted whole, and of which only what is named is. */
  readonly named?: readonly ResourceType[];
  /** Kinds that are not asked for before {@link XdsClient.release}. */
  readonly held?: readonly ResourceType[];
  readonly sink: ResourceSink;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default: as Envoy, anything below a ceiling that doubles from 500 ms to 30 s. */
  readonly backoff?: Backoff;
  /** Undefined: requests go as fast as there is something to ask. */
  readonly limit?: RequestLimit;
  /** Told at each change of the connection. */
  readonly onConnection?: (state: ConnectionState) => void;
}

/** Where the connection to the control plane stands. */
export type ConnectionState =
  | { readonly kind: 'connecting' }
  /** Requests go out on this stream. */
  | { readonly kind: 'open' }
  /** The server has answered on this stream. */
  | { readonly kind: 'connected' }
  | { readonly kind: 'waiting'; readonly reason: string; readonly delayMs: number }
  | { readonly kind: 'closed' };

/** Keeps one stream to a control plane open and everything wanted asked for on it. */
export interface XdsClient {
  readonly subscriptions: ReadonlyMap<ResourceType, Subscription>;
  readonly state: ConnectionState;
  start(): void;
  /** Sets the names that are wanted of a kind; asked for at the end of this turn, or after the response at hand. */
  want(type: ResourceType, names: ReadonlySet<string>): void;
  /** Asks for a kind that was held, as soon as the stream is open. */
  release(type: ResourceType): void;
  close(): void;
}

/**
 * A client of one xDS server.
 *
 * A stream that ends is opened again with back-off and resumes with the versions that were accepted; what
 * was accepted stays in effect meanwhile.
 */
export function createXdsClient<Request, Response>(
  options: XdsClientOptions,
  variant: XdsVariant<Request, Response>,
): XdsClient {
  const { sink, clock, log, limit } = options;
  const subscriptions = new Map(
    options.types.map((type) => {
      const named = options.named?.includes(type) === true;
      return [type, named ? new Subscription(type, clock, false) : new Subscription(type, clock)] as const;
    }),
  );
  for (const type of options.held ?? []) {
    const subscription = subscriptions.get(type);
    if (subscription !== undefined) subscription.held = true;
  }
  const backoff = options.backoff ?? new Backoff({ baseMs: 500, maxMs: 30_000, jitter: 1 });
  const outage = new OutageLog(clock, log);
  const dirty = new Set<ResourceType>();
  let flushing = false;
  let responses = new RingQueue<Response>();
  let receiving = false;
  let state: ConnectionState = { kind: 'connecting' };
  let stream: XdsStream<Request> | undefined;
  let session: Session<Response> | undefined;
  let retry: Timer | undefined;

  function become(next: ConnectionState): void {
    state = next;
    options.onConnection?.(next);
  }

  /** One response at a time: the next is read when the one before is in effect and answered. */
  async function receiveAll(current: Session<Response>): Promise<void> {
    receiving = true;
    for (let response = responses.shift(); response !== undefined; response = responses.shift()) {
      try {
        await current.receive(response);
      } catch (error) {
        log.error('a response could not be taken', { error: messageOf(error) });
      }
      if (session !== current) return;
      flush();
    }
    receiving = false;
  }

  function connect(): void {
    become({ kind: 'connecting' });
    responses = new RingQueue();
    receiving = false;
    const opened: XdsStream<Request> = variant.open({
      onOpen() {
        if (state.kind === 'connecting') become({ kind: 'open' });
      },
      onMessage(response) {
        if (session === undefined) return;
        if (state.kind !== 'connected') {
          backoff.reset();
          outage.end();
          become({ kind: 'connected' });
        }
        responses.push(response);
        if (!receiving) void receiveAll(session);
      },
      onEnd(reason) {
        stream = undefined;
        session = undefined;
        limit?.clear();
        if (state.kind === 'closed') return;
        const delayMs = Math.round(backoff.nextMs());
        outage.tell(reason, delayMs);
        become({ kind: 'waiting', reason, delayMs });
        retry = clock.after(delayMs, connect);
      },
    });
    // A stream may end before it was handed out.
    if (state.kind !== 'connecting' && state.kind !== 'open') return;
    stream = opened;
    session = variant.session({
      subscriptions,
      sink,
      send(request) {
        if (stream !== opened) return;
        if (limit === undefined) opened.send(request);
        else limit.pass(request, (one) => opened.send(one));
      },
    });
    dirty.clear();
    session.start();
  }

  function flush(): void {
    const current = session;
    const types = [...dirty];
    dirty.clear();
    if (current !== undefined) for (const type of types) current.subscriptionChanged(type);
  }

  /** Asks at the end of this turn, so that many changes are one request. */
  function askSoon(type: ResourceType): void {
    dirty.add(type);
    if (flushing) return;
    flushing = true;
    queueMicrotask(() => {
      flushing = false;
      // While a response is taken, its answer goes first.
      if (!receiving) flush();
    });
  }

  return {
    subscriptions,
    get state() {
      return state;
    },
    start: connect,
    want(type, names) {
      subscriptions.get(type)?.want(names);
      askSoon(type);
    },
    release(type) {
      const subscription = subscriptions.get(type);
      if (subscription === undefined) return;
      subscription.held = false;
      askSoon(type);
    },
    close() {
      retry?.cancel();
      limit?.clear();
      stream?.cancel();
      stream = undefined;
      session = undefined;
      for (const subscription of subscriptions.values()) subscription.close();
      become({ kind: 'closed' });
    },
  };
}
