import { durationMs, isHttp, isHttp2, type ConnectionPool, type PortProtocol } from '@lateen/config';
import { packAny } from '@lateen/protocol';
import type { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { HttpProtocolOptions } from '@lateen/protocol/envoy/extensions/upstreams/http/v3';

const extensionName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** What TLS takes from each request. */
export interface NamesFromRequest {
  readonly serverName: boolean;
  /** The server has to show that name. */
  readonly verified: boolean;
}

/** How HTTP is spoken to the endpoints of a port: nothing where the defaults (HTTP/1.1, no limits) do. */
export function httpOptionFields(
  protocol: PortProtocol,
  pool: ConnectionPool | undefined,
  fromRequest: NamesFromRequest = { serverName: false, verified: false },
): Pick<Cluster, 'typedExtensionProtocolOptions'> {
  const http = pool?.http;
  const maxRequests = http?.maxRequestsPerConnection ?? 0;
  const idleTimeout = durationMs(http?.idleTimeout, undefined);
  const maxConnectionDuration = durationMs(pool?.tcp?.maxConnectionDuration, undefined);
  const common: HttpProtocolOptions['commonHttpProtocolOptions'] = {
    ...(idleTimeout === undefined ? {} : { idleTimeout }),
    ...(maxConnectionDuration === undefined ? {} : { maxConnectionDuration }),
    ...(maxRequests > 0 ? { maxRequestsPerConnection: maxRequests } : {}),
  };
  const isLimited = Object.keys(common).length > 0;
  const upgrade = http?.h2UpgradePolicy === 'UPGRADE' && isHttp(protocol);
  const asClient = http?.useClientProtocol === true || protocol === 'auto';
  const http2 = isHttp2(protocol) || upgrade;
  const streams = http?.maxConcurrentStreams ?? 0;
  const http2ProtocolOptions = streams > 0 ? { maxConcurrentStreams: streams } : {};
  if (!http2 && !asClient && !fromRequest.serverName && !isLimited) return {};

  const options: HttpProtocolOptions = {
    ...(isLimited ? { commonHttpProtocolOptions: common } : {}),
    ...(fromRequest.serverName
      ? { upstreamHttpProtocolOptions: { autoSni: true, autoSanValidation: fromRequest.verified } }
      : {}),
    ...(asClient
      ? { useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions } }
      : http2
        ? { explicitHttpConfig: { http2ProtocolOptions } }
        : { explicitHttpConfig: { httpProtocolOptions: {} } }),
  };
  return { typedExtensionProtocolOptions: { [extensionName]: packAny(HttpProtocolOptions, options) } };
}
