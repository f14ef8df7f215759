import type { ResponseHead } from '../codec/head.ts';
import { addIntroduction, type Introduction } from '../codec/acquaintance.ts';
import { headerLine } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import type { NodeIdentity } from '../model/node-identity.ts';
import { encodePeerMetadata, type PeerTable } from '../telemetry/peer.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

/** Prepares the two headers; undefined for a proxy that has no identity. */
export function introductionOf(node: NodeIdentity | undefined): Introduction | undefined {
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
  introduction: Introduction | undefined,
  peers: PeerTable,
): CompiledHttpFilter {
  return direction === 'inbound'
    ? inboundFilter(name, introduction, peers)
    : outboundFilter(name, introduction);
}

function inboundFilter(
  name: string,
  introduction: Introduction | undefined,
  peers: PeerTable,
): CompiledHttpFilter {
  return {
    name,
    onRequest(exchange) {
      const { headers } = exchange.head;
      const acquaintance = exchange.connection.tls?.acquaintance;
      const id = headers.get(names.peerMetadataId);
      if (id === undefined) {
        exchange.peer = acquaintance?.client;
      } else {
        exchange.peer = peers.byId(id, () => headers.get(names.peerMetadata));
        exchange.peerAnswer = 'introduction';
        headers.remove(names.peerMetadataId);
        headers.remove(names.peerMetadata);
        if (acquaintance !== undefined && headers.is(names.acquaintance, acquaintance.token)) {
          acquaintance.client = exchange.peer;
          if (exchange.peer !== undefined) exchange.peerAnswer = 'remembered';
        }
      }
      headers.remove(names.acquaintance);
      return 'continue';
    },
    onResponse(exchange, response) {
      hide(response);
      if (exchange.peerAnswer !== 'nothing') answerPeer(exchange, response, introduction);
    },
  };
}

function outboundFilter(name: string, introduction: Introduction | undefined): CompiledHttpFilter {
  return {
    name,
    onRequest(exchange) {
      const { headers } = exchange.head;
      // What an application says of itself is not believed.
      headers.remove(names.peerMetadataId);
      headers.remove(names.peerMetadata);
      headers.remove(names.acquaintance);
      if (introduction === undefined || isForeign(exchange)) return 'continue';
      addIntroduction(exchange.head, introduction);
      return 'continue';
    },
    // The endpoint is known from the control plane; what it says of itself is not for the application.
    onResponse: (_exchange, response) => hide(response),
  };
}

/** Tells a client that has introduced itself that it is remembered, or who we are. */
function answerPeer(
  { peerAnswer, connection }: FilterExchange,
  { headers }: ResponseHead,
  introduction: Introduction | undefined,
): void {
  if (peerAnswer === 'remembered' && connection.tls !== undefined) {
    headers.add(names.acquaintance, connection.tls.acquaintance.token);
  } else if (introduction !== undefined) {
    headers.addLine(introduction.id);
    headers.addLine(introduction.metadata);
  }
}

function hide(response: ResponseHead): void {
  response.headers.remove(names.peerMetadataId);
  response.headers.remove(names.peerMetadata);
  response.headers.remove(names.acquaintance);
}

/** Behind whom it goes nobody of the mesh is: they are told nothing. */
function isForeign(exchange: FilterExchange): boolean {
  const action = exchange.route?.action;
  if (action?.kind !== 'forward') return true;
  return action.leavesMesh;
}
