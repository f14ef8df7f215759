import type { ProxyProtocolTransport } from '../model/tls.ts';
import type { ProxiedEnds, Tlv } from '../proxy-protocol/proxy-header.ts';
import { encodeVersion1, encodeVersion2 } from '../proxy-protocol/write-header.ts';
import type { Wire } from '../wire/wire.ts';
import type { Downstream } from './connector.ts';

const endsOf = ({ remote, local }: Downstream): ProxiedEnds => ({ source: remote, destination: local });

/**
 * What an endpoint is told of the client (`envoy.transport_sockets.upstream_proxy_protocol`). Without a client, as in
 * health checks, the proxy speaks for itself: `LOCAL`, and in version 1 its own ends.
 */
export function headerFor(
  { version, passThrough }: ProxyProtocolTransport,
  wire: Pick<Wire, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>,
  downstream: Downstream | undefined,
): Buffer {
  if (version === 2) {
    if (downstream === undefined) return encodeVersion2(undefined);
    return encodeVersion2(endsOf(downstream), passedOn(downstream.tlvs, passThrough));
  }
  if (downstream !== undefined) return encodeVersion1(endsOf(downstream));
  return encodeVersion1({
    source: { kind: 'socket', address: wire.localAddress, port: wire.localPort },
    destination: { kind: 'socket', address: wire.remoteAddress, port: wire.remotePort },
  });
}

/** The same for connections that an endpoint is told the same of. */
export function downstreamKey(downstream: Downstream): string {
  return encodeVersion2(endsOf(downstream), downstream.tlvs).toString('latin1');
}

function passedOn(tlvs: readonly Tlv[], types: ProxyProtocolTransport['passThrough']): readonly Tlv[] {
  return types === 'all' ? tlvs : tlvs.filter(({ type }) => types.includes(type));
}
