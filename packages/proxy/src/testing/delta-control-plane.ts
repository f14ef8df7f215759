import { EventEmitter, once } from 'node:events';
import { encode, fromJson, type MessageType } from '@lateen/protocol';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import { createGrpcServer, type ServerStream } from '@lateen/protocol/grpc';
import { knownTypes } from '../decode/known-types.ts';

/** Encodes a message that a test writes as JSON. */
export function bytesOf<T>(type: MessageType<T>, json: unknown): Uint8Array {
  const parsed = fromJson(type, json, { registry: knownTypes });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return encode(type, parsed.value);
}

/** A resource of a {@link DeltaControlPlane}. */
export interface OfferedResource {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  readonly bytes: Uint8Array;
  readonly aliases?: readonly string[];
}

/** An incremental control plane that has what it is given and answers what it is asked, as the protocol says. */
export interface DeltaControlPlane {
  readonly port: number;
  /** Every request since the start. */
  readonly requests: readonly DeltaDiscoveryRequest[];
  /** Resolves with the next request for which `test` is true, those that came already included. */
  request(test: (request: DeltaDiscoveryRequest) => boolean): Promise<DeltaDiscoveryRequest>;
  /** Puts resources in place and sends them to who has asked for them. */
  set(...resources: readonly OfferedResource[]): void;
  remove(typeUrl: string, name: string): void;
  /** Says that something asked for does not exist. */
  sayMissing(typeUrl: string, name: string): void;
  close(): Promise<void>;
}

/** Starts one; `port` 0: any. Whether a kind is wanted whole follows from the first request for it. */
export async function deltaControlPlane(port = 0): Promise<DeltaControlPlane> {
  const resources = new Map<string, OfferedResource>();
  const keyOf = (typeUrl: string, name: string): string => `${typeUrl} ${name}`;
  const requests: DeltaDiscoveryRequest[] = [];
  const events = new EventEmitter().setMaxListeners(100);
  const asked = new Map<string, { whole: boolean; readonly names: Set<string> }>();
  let stream: ServerStream<DeltaDiscoveryResponse> | undefined;
  let nonce = 0;

  function send(typeUrl: string, list: readonly OfferedResource[], removed: readonly string[] = []): void {
    stream?.send({
      typeUrl,
      nonce: String(++nonce),
      resources: list.map(({ name, version, bytes, aliases }) => ({
        name,
        version,
        resource: { typeUrl, value: bytes },
        ...(aliases === undefined ? {} : { aliases }),
      })),
      removedResources: removed,
    });
  }

  const server = createGrpcServer();
  server.stream(AggregatedDiscoveryService.deltaAggregatedResources, (opened) => {
    stream = opened;
    asked.clear();
    return {
      onMessage(request) {
        const { typeUrl = '', resourceNamesSubscribe = [], initialResourceVersions = {} } = request;
        const before = asked.get(typeUrl);
        const state = before ?? { whole: resourceNamesSubscribe.length === 0, names: new Set<string>() };
        asked.set(typeUrl, state);
        for (const name of resourceNamesSubscribe) {
          if (name === '*') state.whole = true;
          else state.names.add(name);
        }
        for (const name of request.resourceNamesUnsubscribe ?? []) state.names.delete(name);
        const fresh = new Set(resourceNamesSubscribe);
        const list = [...resources.values()].filter(
          (one) =>
            one.typeUrl === typeUrl &&
            ((before === undefined && state.whole) || fresh.has(one.name)) &&
            initialResourceVersions[one.name] !== one.version,
        );
        const gone =
          before === undefined
            ? Object.keys(initialResourceVersions).filter((name) => !resources.has(keyOf(typeUrl, name)))
            : [];
        if (list.length > 0 || gone.length > 0 || (before === undefined && state.whole)) {
          send(typeUrl, list, gone);
        }
        requests.push(request);
        events.emit('request');
      },
    };
  });
  const bound = await server.listen({ host: '127.0.0.1', port });
  return {
    port: bound.port,
    requests,
    async request(test) {
      for (;;) {
        const found = requests.find(test);
        if (found !== undefined) return found;
        await once(events, 'request');
      }
    },
    set(...list) {
      for (const one of list) {
        resources.set(keyOf(one.typeUrl, one.name), one);
        const state = asked.get(one.typeUrl);
        const names = [one.name, ...(one.aliases ?? [])];
        if (state?.whole === true || names.some((name) => state?.names.has(name))) send(one.typeUrl, [one]);
      }
    },
    remove(typeUrl, name) {
      resources.delete(keyOf(typeUrl, name));
      send(typeUrl, [], [name]);
    },
    sayMissing: (typeUrl, name) => send(typeUrl, [], [name]),
    close: () => server.close(),
  };
}
