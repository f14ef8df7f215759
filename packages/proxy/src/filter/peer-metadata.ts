import type { ResponseHead } from '../codec/head.ts';
import { headerLine, type HeaderLine } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import type { NodeIdentity } from '../model/data-plane.ts';
import { encodePeerMetadata, type PeerTable } from '../telemetry/peer.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

/** What a proxy tells of itself, ready to be added to a head. */
export interface PeerIntroduction {
  readonly id: HeaderLine;
  readonly metadata: HeaderLine;
}

/** Prepares the two headers; undefined for a proxy that has no identity. */
export function introductionOf(node: NodeIdentity | undefined): PeerIntroduction | undefined {
  if (node === undefined || node.id === '') return undefined;
  return {
    id: headerLine(names.peerMetadataId, node.id),
    metadata: headerLine(names.peerMetadata, encodePeerMetadata(node.metadata)),
  };
}

/**
 * Tells the proxy at the other end who this one is, and learns who that is: Istio's metadata exchange by
 * headers, which neither application sees.
 */
export function peerMetadataFilter(
  name: string,
  direction: 'unspecified' | 'inbound' | 'outbound',
  introduction: PeerIntroduction | undefined,
  peers: PeerTable,
): CompiledHttpFilter {
  return direction === 'inbound'
    ? inboundFilter(name, introduction, peers)
    : outboundFilter(name, introduction);
}

function inboundFilter(
  name: string,
  introduction: PeerIntroduction | undefined,
  peers: PeerTable,
): CompiledHttpFilter {
  return {
    name,
    onRequest(exchange) {
      const { headers } = exchange.head;
      const id = headers.get(names.peerMetadataId);
      if (id === undefined) return 'continue';
      exchange.peer = peers.byId(id, () => headers.get(names.peerMetadata));
      exchange.peerAsked = true;
      headers.remove(names.peerMetadataId);
      headers.remove(names.peerMetadata);
      return 'continue';
    },
    onResponse(exchange, response) {
      hide(response);
      if (exchange.peerAsked) introduce(response.headers, introduction);
    },
  };
}

function outboundFilter(name: string, introduction: PeerIntroduction | undefined): CompiledHttpFilter {
  return {
    name,
    onRequest(exchange) {
      const { headers } = exchange.head;
      // What an application says of itself is not believed.
      headers.remove(names.peerMetadataId);
      headers.remove(names.peerMetadata);
      if (!isForeign(exchange)) introduce(headers, introduction);
      return 'continue';
    },
    // The endpoint is known from the control plane; what it says of itself is not for the application.
    onResponse: (_exchange, response) => hide(response),
  };
}

function introduce(headers: ResponseHead['headers'], introduction: PeerIntroduction | undefined): void {
  if (introduction === undefined) return;
  headers.addLine(introduction.id);
  headers.addLine(introduction.metadata);
}

function hide(response: ResponseHead): void {
  response.headers.remove(names.peerMetadataId);
  response.headers.remove(names.peerMetadata);
}

/** Behind whom it goes nobody of the mesh is: they are told nothing. */
function isForeign(exchange: FilterExchange): boolean {
  const action = exchange.route?.action;
  if (action?.kind !== 'forward') return true;
  return action.leavesMesh;
}
