import type { AlpnOverride } from '../../model/alpn-override.ts';
import type { Clock } from '@lateen/core';
import type { HeadPool, RequestHead, ResponseHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import type { CompiledForward } from '../../route/route-action.ts';
import type { HostOverride } from '../../cluster/host-override.ts';
import type { AttemptLogs } from './attempt-log.ts';
import type { BodyBuffer } from './body-buffer.ts';
import type { ConnectionInfo } from '../../listener/connection-info.ts';
import type { CompiledAccessLog } from '../../telemetry/access-log.ts';
import type { StreamInfo } from '../../telemetry/stream-info.ts';
import type { RequestTrace } from '../../tracing/request-trace.ts';
import type { CompiledRoute } from '../../route/virtual-host.ts';
import type { CoarseTimers } from '../../timer/coarse-timers.ts';
import type { OriginalSource } from '../../wire/transparent-socket.ts';
import type { Turn } from '../../wire/turn.ts';
import type { LocalReplyOptions } from '../http-filter.ts';

/** The exchange, as the router sees it. */
export interface RouterOwner extends StreamInfo {
  readonly head: RequestHead;
  readonly request: RequestHead;
  readonly route: CompiledRoute | undefined;
  readonly trace: RequestTrace | undefined;
  readonly connection: ConnectionInfo;
  readonly draw: number;
  readonly manager: {
    readonly timers: CoarseTimers;
    readonly turn: Turn;
    readonly clock: Clock;
    readonly random: () => number;
    readonly bufferLimitBytes: number;
    readonly suppressEnvoyHeaders: boolean;
    readonly respectExpectedTimeout: boolean;
    readonly model: { readonly scheme?: 'http' | 'https' | 'match_upstream' };
    readonly stats: { readonly n: { noCluster: number } };
    readonly heads: HeadPool;
    readonly alpn: AlpnOverride | undefined;
    /** Undefined where tries are not logged. */
    readonly attemptLogs: AttemptLogs | undefined;
    readonly countsBytes: boolean;
    /** Those of the requests. */
    readonly accessLogs: readonly CompiledAccessLog[];
  };
  /** The endpoint that a filter wants. */
  readonly hostOverride: HostOverride | undefined;
  /** Where a filter wants the request to be sent on from. */
  readonly upstreamSource: OriginalSource | undefined;
  addFlag(bit: number): void;
  reply(status: number, body: string, details: string, options?: LocalReplyOptions): void;
  pauseRequest(): void;
  resumeRequest(): void;
  onRouterHead(head: ResponseHead, endStream: boolean): void;
  onRouterData(buffer: Buffer, start: number, end: number): void;
  onRouterEnd(trailers: HeaderBlock | undefined): void;
  onRouterBroken(bit: number, details: string): void;
  /**
   * How to follow a redirect of the endpoint here, with the body of the request once more, when the router is done with
   * it; undefined where the client is to have it.
   */
  redirectOf(
    head: ResponseHead,
    action: CompiledForward,
  ): ((body: BodyBuffer | undefined) => void) | undefined;
}
