import { fromJson, packAny, type Any } from '@lateen/protocol';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import { createGrpcServer, type ServerStream } from '@lateen/protocol/grpc';
import type { JsonObject } from './json.ts';

/** A control plane with one route table, that speaks incremental ADS. */
export interface RouteServer {
  readonly port: number;
  /** Sends another version to every proxy that asked for the table; rejects where one refuses it. */
  push(table: EncodedTable): Promise<void>;
  close(): Promise<void>;
}

/** A table as it goes over the wire. */
export interface EncodedTable {
  readonly name: string;
  readonly version: string;
  readonly resource: Any;
}

/** Encodes a RouteConfiguration given in JSON. */
export function encodeTable(version: string, json: JsonObject): EncodedTable {
  const table = fromJson(RouteConfiguration, json);
  if (!table.ok) throw new Error(table.problems.map(({ path, message }) => `${path}: ${message}`).join('; '));
  return { name: table.value.name ?? '', version, resource: packAny(RouteConfiguration, table.value) };
}

/** Serves the table on a port of the loopback. */
export async function startRouteServer(first: EncodedTable): Promise<RouteServer> {
  const { typeUrl } = first.resource;
  const streams = new Set<ServerStream<DeltaDiscoveryResponse>>();
  let current = first;
  let answered: ((refusal: string | undefined) => void) | undefined;
  const server = createGrpcServer({});
  server.stream(AggregatedDiscoveryService.deltaAggregatedResources, (stream) => ({
    onMessage(request: DeltaDiscoveryRequest) {
      if (request.typeUrl !== typeUrl) return;
      if (request.responseNonce === current.version) answered?.(request.errorDetail?.message);
      if ((request.resourceNamesSubscribe ?? []).length === 0) return;
      streams.add(stream);
      send(stream);
    },
    onClose: () => void streams.delete(stream),
  }));
  function send(stream: ServerStream<DeltaDiscoveryResponse>): void {
    const { name, version, resource } = current;
    void stream.send({ typeUrl, nonce: version, resources: [{ name, version, resource }] });
  }
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    port,
    push(table) {
      current = table;
      return new Promise((resolve, reject) => {
        answered = (refusal) => (refusal === undefined ? resolve() : reject(new Error(refusal)));
        for (const stream of streams) send(stream);
      });
    },
    close: () => server.close(),
  };
}
