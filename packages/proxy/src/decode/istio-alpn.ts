import type { Any } from '@lateen/protocol';
import * as alpn from '@lateen/protocol/istio/envoy/config/filter/http/alpn/v2alpha1';
import type { AlpnOverride } from '../model/alpn-override.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const configPolicy = fieldPolicy(alpn.FilterConfig, ['alpnOverride']);
const overridePolicy = fieldPolicy(alpn.FilterConfig_AlpnOverride, ['upstreamProtocol', 'alpnOverride']);

export const istioAlpnPolicies = [configPolicy, overridePolicy];

/** Istio's filter that says what TLS offers. Requests are never sent as HTTP/1.0, so what is offered then is not needed. */
export function decodeIstioAlpn(scope: Scope, any: Any | undefined): AlpnOverride {
  const config = scope.unpack(alpn.FilterConfig, any) ?? {};
  scope.check(configPolicy, config);
  const offered = new Map<alpn.FilterConfig_Protocol, readonly string[]>();
  for (const [i, one] of (config.alpnOverride ?? []).entries()) {
    scope.at('alpnOverride').at(i).check(overridePolicy, one);
    offered.set(one.upstreamProtocol ?? 'HTTP10', one.alpnOverride ?? []);
  }
  return { http1: offered.get('HTTP11'), http2: offered.get('HTTP2') };
}
