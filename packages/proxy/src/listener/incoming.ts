import type { SocketAddress } from '../model/address.ts';
import { opensslErrorText } from '../cluster/connect-error.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { ListenerStats } from '../telemetry/listener-stats.ts';
import { type Expirable, type CoarseTimers, type Countdown } from '../timer/coarse-timers.ts';
import { refusalText } from '../tls/refusal-text.ts';
import { serverHandshake, type FailedHandshake } from '../tls/server-handshake.ts';
import type { PlainWire } from '../wire/plain-wire.ts';
import type { ByteCounter } from '../wire/byte-counter.ts';
import type { Turn } from '../wire/turn.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import {
  handshakeTimeoutOf,
  type CompiledChain,
  type CompiledListener,
  type ServedConnection,
} from './compiled-listener.ts';
import type { ConnectionInfo, ConnectionRefusal } from './connection-info.ts';
import { aboutConnection, type StartTime } from './connection-log.ts';
import type { ProxyHeaderFilter, TakenHeader } from './proxy-header-filter.ts';
import { inspect, notInspected, type InspectionWish, type Inspected } from './inspection.ts';

/** What is known of a connection when it was accepted. */
export interface Accepted {
  readonly id: number;
  readonly remote: SocketAddress;
  /** Where the client wanted to go. */
  readonly local: SocketAddress;
  readonly originalDestination: SocketAddress | undefined;
}

/** A connection from its acceptance to the filter chain that serves it. */
export class Incoming implements Expirable, WireHandler {
  countdown: Countdown | undefined = undefined;
  readonly #listener: CompiledListener;
  /** Undefined before it is known. */
  chain: CompiledChain | undefined;
  readonly #plain: PlainWire;
  /** Who carries the connection now: the plain wire, or TLS over it. */
  #wire: Wire;
  #accepted: Accepted;
  readonly #stats: ListenerStats;
  readonly #timers: CoarseTimers;
  readonly #onClosed: () => void;
  #wish: InspectionWish | undefined;
  /** While the PROXY protocol's header is waited for. */
  #proxyHeader: ProxyHeaderFilter | undefined;
  #taken: TakenHeader = noHeader;
  #bytes: Buffer | undefined;
  /** The peer, whoever it speaks for. */
  readonly #direct: SocketAddress;
  #closed = false;
  #served: ServedConnection | undefined;
  #handshaking: { cancel(): void } | undefined;
  readonly #turn: Turn;
  readonly #acceptedMs: number;
  /** For access logs of the listener. */
  readonly #started: StartTime | undefined;
  /** What the chain has read and sent, for those logs too. */
  #counted: ByteCounter | undefined;
  #seen: Inspected = notInspected;
  #flags = 0;
  /** As statistics see it: while listener filters wait for its first bytes it is no connection yet. */
  #counts: 'nothing' | 'as waiting' | 'as connection' = 'nothing';
  /** What the filters of the chain were told of the connection, and have said of it. */
  #info: ConnectionInfo | undefined;

  constructor(
    listener: CompiledListener,
    wire: PlainWire,
    accepted: Accepted,
    stats: ListenerStats,
    timers: CoarseTimers,
    turn: Turn,
    onClosed: () => void,
  ) {
    this.#listener = listener;
    this.#plain = wire;
    this.#wire = wire;
    this.#accepted = accepted;
    this.#direct = accepted.remote;
    this.#stats = stats;
    this.#timers = timers;
    this.#turn = turn;
    this.#acceptedMs = turn.nowMs;
    this.#onClosed = onClosed;
    if (listener.accessLogs.length > 0) this.#started = { wallMs: turn.wallMs, ms: turn.nowMs };
    wire.handler = this;
  }

  /** Looks at the first bytes where the listener asks for it, else serves at once. */
  start(): void {
    this.#proxyHeader = this.#listener.proxyHeader;
    this.#wish = this.#listener.inspects(this.#accepted.local.port);
    if (this.#wish === undefined && this.#proxyHeader === undefined) {
      this.#serve(notInspected);
      return;
    }
    const handshakeMs = this.#listener.handshakeTimeoutMs(this.#accepted.local.port);
    this.#countAs(handshakeMs === undefined ? 'as waiting' : 'as connection');
    const timeoutMs = handshakeMs ?? this.#listener.model.listenerFiltersTimeoutMs;
    if (timeoutMs > 0) this.#timers.start(this, timeoutMs);
  }

  drain(): void {
    if (this.#served !== undefined) this.#served.drain();
    else this.close();
  }

  close(): void {
    if (this.#handshaking === undefined) {
      this.#wire.destroy();
      return;
    }
    this.#handshaking.cancel();
    this.#handshaking = undefined;
    this.#timers.stop(this);
    this.#closeOnce();
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    const fresh = Buffer.from(buffer.subarray(start, end));
    this.#bytes = this.#bytes === undefined ? fresh : Buffer.concat([this.#bytes, fresh]);
    if (this.#proxyHeader !== undefined && !this.#takeHeader(this.#proxyHeader)) return;
    const wish = this.#wish;
    const seen = wish === undefined ? notInspected : inspect(this.#bytes, wish);
    if (seen === undefined) return;
    if (wish !== undefined) this.#listener.inspectorStats?.count(seen, wish);
    this.#serve(seen);
  }

  /** Reads the PROXY protocol's header, and takes what it says for true; false where it is not there yet, or refused. */
  #takeHeader(filter: ProxyHeaderFilter): boolean {
    const bytes = this.#bytes as Buffer;
    const taken = filter.take(bytes);
    if (taken === 'more') return false;
    if (taken === 'refuse') {
      this.#wire.destroy();
      return false;
    }
    this.#proxyHeader = undefined;
    this.#taken = taken;
    this.#bytes = bytes.subarray(taken.length);
    const { ends } = taken;
    if (ends !== undefined) {
      const { source, destination } = ends;
      this.#accepted = {
        ...this.#accepted,
        remote: source,
        local: destination,
        originalDestination: destination,
      };
      this.#wish = this.#listener.inspects(destination.port);
    }
    return true;
  }

  /** A peer that goes away before it has said enough is served by no chain: checks of load balancers do so. */
  onEnd(): void {
    if (this.#counts === 'as waiting') this.#stats.listenerFilterRemoteClose++;
    this.#wire.destroy();
  }

  onDrain(): void {}

  onClose(): void {
    this.#timers.stop(this);
    this.#closeOnce();
  }

  /** The first bytes did not come in time, or the handshake has not ended. */
  onExpire(): void {
    if (this.#counts === 'as connection') {
      this.#stats.transportConnectTimeout++;
      this.#info = { ...this.#connectionInfo(this.#wire), refusal: tooSlow };
      this.close();
      return;
    }
    this.#stats.preCxTimeout++;
    if (this.#listener.model.continueOnListenerFiltersTimeout) this.#serve(notInspected);
    else this.#wire.destroy();
  }

  #countAs(what: 'nothing' | 'as waiting' | 'as connection'): void {
    const stats = this.#stats;
    if (this.#counts === 'as waiting') stats.preCxActive--;
    if (this.#counts === 'as connection') {
      stats.cxActive--;
      stats.cxDestroy++;
      stats.cxLength.record(this.#turn.nowMs - this.#acceptedMs);
    }
    this.#counts = what;
    if (what === 'as waiting') stats.preCxActive++;
    if (what === 'as connection') {
      stats.cxActive++;
      stats.cxTotal++;
    }
  }

  #closeOnce(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#countAs('nothing');
    const { accessLogs } = this.#listener;
    if (accessLogs.length > 0) {
      const info = this.#info ?? this.#connectionInfo(this.#wire);
      const about = aboutConnection(info, this.#started, this.#turn.nowMs, {
        flags: this.#flags,
        bytes: this.#counted,
      });
      for (const log of accessLogs) log.log(about);
    }
    this.#onClosed();
  }

  #serve(seen: Inspected): void {
    this.#timers.stop(this);
    this.#seen = seen;
    const { remote, local } = this.#accepted;
    const chain = this.#listener.chainFor({
      destination: local,
      source: remote,
      directSource: this.#direct,
      ...seen,
    });
    if (chain === undefined) {
      this.#countAs('nothing');
      this.#stats.noFilterChainMatch++;
      this.#flags |= flag.noRouteFound;
      this.#wire.destroy();
      return;
    }
    if (this.#counts !== 'as connection') this.#countAs('as connection');
    this.chain = chain;
    const bytes = this.#bytes;
    this.#bytes = undefined;
    if (chain.tls !== undefined) {
      this.#handshake(chain, chain.tls, bytes?.length === 0 ? undefined : bytes, seen);
      return;
    }
    this.#hand(chain, this.#wire);
    if (bytes !== undefined && bytes.length > 0) {
      // They were read before it was known whose they are.
      this.#wire.bytes.received += bytes.length;
      this.#wire.handler.onBytes(bytes, 0, bytes.length);
    }
  }

  #hand(chain: CompiledChain, wire: Wire): void {
    const info = this.#connectionInfo(wire);
    this.#info = info;
    if (this.#started !== undefined) this.#counted = wire.countAlone();
    this.#served = chain.serve(wire, info, () => this.#closeOnce());
  }

  #connectionInfo(wire: Wire): ConnectionInfo {
    const { serverName, ja3, ja4 } = this.#seen;
    const { id, remote, local, originalDestination } = this.#accepted;
    return {
      id,
      remote,
      directRemote: this.#direct,
      local,
      originalDestination,
      tls: wire.tls,
      handshakeMs: wire.tls === undefined ? undefined : this.#turn.nowMs - this.#acceptedMs,
      serverName,
      ja3,
      ja4,
      filterChainName: this.chain?.model.name,
      tlvs: this.#taken.tlvs,
      metadata: this.#taken.metadata,
      source: this.#listener.sourceOf(remote),
    };
  }

  #handshake(
    chain: CompiledChain,
    tls: NonNullable<CompiledChain['tls']>,
    early: Buffer | undefined,
    seen: Inspected,
  ): void {
    const { serverName } = seen;
    const settings = tls.settings.current();
    if (!settings.ok) {
      this.#stats.tls.countFailure(undefined);
      this.#wire.destroy();
      return;
    }
    const { local, remote } = this.#accepted;
    const ends = { local: local.address, remote: remote.address };
    const facts = { serverName, keepsPeerChain: tls.keepsPeerChain, ends };
    const loop = { turn: this.#turn, timers: this.#timers };
    const handshake = serverHandshake(loop, this.#plain, tls.model, settings.value, facts, {
      onStapled: (what) => this.#stats.tls.countStapled(what),
      onSecure: (wire) => {
        this.#handshaking = undefined;
        this.#timers.stop(this);
        this.#stats.tls.countHandshake(wire.tls);
        this.#wire = wire;
        this.#hand(chain, wire);
      },
      onFailed: (reason, detail, failed) => {
        this.#handshaking = undefined;
        this.#timers.stop(this);
        if (reason === 'peer') this.#stats.tls.countFailure(detail);
        else if (detail !== '') this.#stats.tls.countFailure(undefined);
        this.#info = {
          ...this.#connectionInfo(this.#wire),
          tls: failed?.tls,
          failure: handshakeFailure(reason, detail, failed),
        };
        chain.serve.unserved?.(this.#info);
        this.#closeOnce();
      },
    });
    this.#handshaking = handshake;
    this.#timers.start(this, handshakeTimeoutOf(chain.model));
    handshake.start(early);
  }
}

/** As Envoy says why TLS has failed; nothing where the client went away. */
function handshakeFailure(
  reason: 'handshake' | 'peer',
  detail: string,
  failed: FailedHandshake | undefined,
): string {
  if (reason === 'peer')
    return refusalText(detail, {
      chainFailure: failed?.chainFailure,
      names: failed?.tls.peerCertificate?.names ?? undefined,
      serverName: '',
    });
  return detail === '' ? '' : opensslErrorText(detail);
}

const noHeader: TakenHeader = { length: 0, ends: undefined, tlvs: [], metadata: undefined };

/** As Envoy says that a handshake has taken too long. */
const tooSlow: ConnectionRefusal = {
  flags: 0,
  details: 'transport socket timeout was reached',
  reason: 'transport_socket_timeout',
};
