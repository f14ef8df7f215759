import { formatProblem, type Logger } from '@lateen/core';
import { AggregatedDiscoveryService } from '@lateen/protocol/envoy/service/discovery/v3';
import type { Node } from '@lateen/protocol/envoy/config/core/v3';
import {
  GrpcError,
  type GrpcServer,
  type ServerStream,
  type ServerStreamHandlers,
} from '@lateen/protocol/grpc';
import { bearerToken, type TokenAuthenticator, type WorkloadCaller } from '../ca/index.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Connection } from './connection.ts';
import type { DiscoveryServer } from './discovery-server.ts';
import { decodeNode } from './node.ts';

export interface AdsServiceOptions {
  readonly discovery: DiscoveryServer;
  /** Asked about callers over TLS; callers in plain text are not asked who they are. */
  readonly authenticate: TokenAuthenticator;
  readonly logger: Logger;
}

interface Request {
  readonly node?: Node | undefined;
}

/** The streams of a server. */
export interface AdsService {
  /** Ends all streams, so that proxies go to another replica at once; they serve on with what they have. */
  close(): void;
}

type Streams = Set<Pick<ServerStream<unknown>, 'fail'>>;

/** Serves `envoy.service.discovery.v3.AggregatedDiscoveryService`: delta and state of the world. */
export function registerAdsService(server: GrpcServer, options: AdsServiceOptions): AdsService {
  const streams: Streams = new Set();
  server.stream(AggregatedDiscoveryService.deltaAggregatedResources, (stream) =>
    serve(options, streams, stream, 'delta', (connection, request) => connection.onDelta(request)),
  );
  server.stream(AggregatedDiscoveryService.streamAggregatedResources, (stream) =>
    serve(options, streams, stream, 'stateOfTheWorld', (connection, request) =>
      connection.onStateOfTheWorld(request),
    ),
  );
  return {
    close() {
      for (const stream of streams)
        stream.fail(new GrpcError('UNAVAILABLE', 'the control plane is stopping'));
    },
  };
}

/** Runs one stream: who is it, which proxy, and then request by request. */
function serve<In extends Request, Out>(
  options: AdsServiceOptions,
  streams: Streams,
  stream: ServerStream<Out>,
  mode: Connection['mode'],
  onRequest: (connection: Connection, request: In) => void,
): ServerStreamHandlers<In> {
  const { discovery, logger } = options;
  let connection: Connection | undefined;
  let waiting: In[] = [];
  let caller: WorkloadCaller | undefined;
  let known = false;
  let over = false;
  streams.add(stream);

  const take = (request: In): void => {
    connection ??= open(request.node);
    onRequest(connection, request);
  };
  const open = (node: Node | undefined): Connection => {
    const decoded = decodeNode(node);
    if (!decoded.ok) throw new GrpcError('INVALID_ARGUMENT', decoded.problems.map(formatProblem).join('; '));
    checkIdentity(caller, decoded.value);
    return discovery.attach(decoded.value, mode, stream, caller !== undefined);
  };
  const begin = (): void => {
    known = true;
    const requests = waiting;
    waiting = [];
    if (over) return;
    try {
      for (const request of requests) take(request);
    } catch (error) {
      stream.fail(error);
    }
  };

  void identify(options, stream).then(
    (found) => {
      caller = found;
      begin();
    },
    (error: unknown) => {
      logger.warn('a proxy was refused', {
        peer: stream.peer.address,
        reason: error instanceof Error ? error.message : String(error),
      });
      over = true;
      stream.fail(error);
    },
  );
  return {
    onMessage(request) {
      if (over) return;
      if (!known) waiting.push(request);
      else take(request);
    },
    onClose() {
      over = true;
      streams.delete(stream);
      if (connection !== undefined) discovery.detach(connection);
    },
  };
}

/** Who calls over TLS; undefined in plain text, where nobody is asked. */
async function identify(
  options: AdsServiceOptions,
  stream: Pick<ServerStream<unknown>, 'peer' | 'metadata'>,
): Promise<WorkloadCaller | undefined> {
  if (!stream.peer.encrypted) return undefined;
  const token = bearerToken(stream.metadata['authorization']);
  if (token === undefined) throw new GrpcError('UNAUTHENTICATED', 'a bearer token is required');
  const answer = await options.authenticate(token);
  if (answer.type === 'authenticated') return answer.caller;
  throw new GrpcError(answer.type === 'refused' ? 'UNAUTHENTICATED' : 'UNAVAILABLE', answer.reason);
}

/** A workload may only ask for the configuration of its own namespace and service account. */
function checkIdentity(caller: WorkloadCaller | undefined, proxy: Proxy): void {
  if (caller === undefined) return;
  if (caller.namespace !== proxy.namespace) {
    throw new GrpcError(
      'PERMISSION_DENIED',
      `the token is of namespace ${caller.namespace}, the node of ${proxy.namespace}`,
    );
  }
  if (proxy.serviceAccount !== '' && proxy.serviceAccount !== caller.serviceAccount) {
    throw new GrpcError(
      'PERMISSION_DENIED',
      `the token is of service account ${caller.serviceAccount}, the node of ${proxy.serviceAccount}`,
    );
  }
}
