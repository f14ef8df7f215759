import { formatProblem, type Logger } from '@lateen/core';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import type { Any } from '@lateen/protocol';
import type { ControlPlane, Node } from '@lateen/protocol/envoy/config/core/v3';
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

/** Something that a caller asked to be told of the control plane. */
export interface StatusResource {
  readonly name: string;
  readonly resource: Any;
}

/** Answers what people's tools ask over xDS; those are no proxies. */
export interface StatusService {
  serves(typeUrl: string): boolean;
  answer(typeUrl: string, names: readonly string[], caller: WorkloadCaller): readonly StatusResource[];
}

export interface AdsServiceOptions {
  readonly discovery: DiscoveryServer;
  readonly status: StatusService;
  /** Asked about callers over TLS; callers in plain text are not asked who they are. */
  readonly authenticate: TokenAuthenticator;
  readonly logger: Logger;
}

interface Request {
  readonly node?: Node | undefined;
  readonly typeUrl?: string | undefined;
  readonly responseNonce?: string | undefined;
}

interface ResponseHead {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly controlPlane: ControlPlane;
}

/** How the two ways of ADS differ. */
interface Way<In extends Request, Out> {
  readonly mode: Connection['mode'];
  onRequest(connection: Connection, request: In): void;
  namesOf(request: In): readonly string[];
  responseOf(head: ResponseHead, resources: readonly StatusResource[]): Out;
}

const delta: Way<DeltaDiscoveryRequest, DeltaDiscoveryResponse> = {
  mode: 'delta',
  onRequest: (connection, request) => connection.onDelta(request),
  namesOf: (request) => request.resourceNamesSubscribe ?? [],
  responseOf: (head, resources) => ({ ...head, resources }),
};

const stateOfTheWorld: Way<DiscoveryRequest, DiscoveryResponse> = {
  mode: 'stateOfTheWorld',
  onRequest: (connection, request) => connection.onStateOfTheWorld(request),
  namesOf: (request) => request.resourceNames ?? [],
  responseOf: (head, resources) => ({ ...head, resources: resources.map(({ resource }) => resource) }),
};

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
    serve(options, streams, stream, delta),
  );
  server.stream(AggregatedDiscoveryService.streamAggregatedResources, (stream) =>
    serve(options, streams, stream, stateOfTheWorld),
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
  way: Way<In, Out>,
): ServerStreamHandlers<In> {
  const { discovery, logger, status } = options;
  let connection: Connection | undefined;
  let waiting: In[] = [];
  let caller: WorkloadCaller | undefined;
  let known = false;
  let over = false;
  const told = new Set<string>();
  streams.add(stream);

  const take = (request: In): void => {
    const typeUrl = request.typeUrl ?? '';
    if (status.serves(typeUrl)) {
      // Istio's istioctl has a nonce of its own in its first request.
      if (!told.has(request.responseNonce ?? '')) tellStatus(typeUrl, request);
      return;
    }
    connection ??= open(request.node);
    way.onRequest(connection, request);
  };
  const tellStatus = (typeUrl: string, request: In): void => {
    if (caller === undefined)
      throw new GrpcError('UNAUTHENTICATED', 'the status is told over TLS, with a token');
    const resources = status.answer(typeUrl, way.namesOf(request), caller);
    const nonce = `status/${told.size + 1}`;
    told.add(nonce);
    const head = { typeUrl, nonce, controlPlane: { identifier: discovery.identifier } };
    stream.send(way.responseOf(head, resources));
  };
  const open = (node: Node | undefined): Connection => {
    const decoded = decodeNode(node);
    if (!decoded.ok) throw new GrpcError('INVALID_ARGUMENT', decoded.problems.map(formatProblem).join('; '));
    checkIdentity(caller, decoded.value);
    return discovery.attach(decoded.value, way.mode, stream, caller !== undefined);
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
