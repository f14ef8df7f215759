import { parseProxySettings } from '@lateen/config';
import { ok, problem, problems, type Result } from '@lateen/core';

/** What a gateway does with the certificates of its clients: Istio's words, which are Envoy's. */
const certificateWays = [
  'SANITIZE',
  'FORWARD_ONLY',
  'APPEND_FORWARD',
  'SANITIZE_SET',
  'ALWAYS_FORWARD_ONLY',
] as const;

/** What stands before a gateway: `gatewayTopology` of Istio's ProxyConfig. What is left out is as by default. */
export interface GatewayTopology {
  /** How many proxies before it have added to `X-Forwarded-For`; 0 where left out. */
  readonly numTrustedProxies?: number;
  /** `SANITIZE_SET` where left out. */
  readonly forwardClientCertDetails?: (typeof certificateWays)[number];
  /** Whether connections begin with a header of the PROXY protocol; false where left out. */
  readonly proxyProtocol?: boolean;
}

/** Reads a `gatewayTopology`; problems have its fields' paths below `path`. */
export function decodeGatewayTopology(value: unknown, path: string): Result<GatewayTopology> {
  if (value === undefined || value === null) return ok({});
  if (typeof value !== 'object' || Array.isArray(value)) return problem(path, 'must be an object');
  const {
    numTrustedProxies,
    forwardClientCertDetails: way = 'UNDEFINED',
    proxyProtocol,
  } = value as Readonly<Record<string, unknown>>;
  const hops = numTrustedProxies ?? 0;
  if (typeof hops !== 'number' || !Number.isInteger(hops) || hops < 0 || hops > 0xffff_ffff) {
    return problem(`${path}.numTrustedProxies`, `must be a whole number from 0, not ${JSON.stringify(hops)}`);
  }
  const known = certificateWays.find((one) => one === way);
  if (known === undefined && way !== 'UNDEFINED') {
    return problem(
      `${path}.forwardClientCertDetails`,
      `must be one of UNDEFINED, ${certificateWays.join(', ')}, not ${JSON.stringify(way)}`,
    );
  }
  if (proxyProtocol !== undefined && proxyProtocol !== null && typeof proxyProtocol !== 'object') {
    return problem(`${path}.proxyProtocol`, 'must be an object: {} to expect the header');
  }
  return ok({
    ...(numTrustedProxies === undefined ? {} : { numTrustedProxies: hops }),
    ...(known === undefined ? {} : { forwardClientCertDetails: known }),
    ...(proxyProtocol === undefined || proxyProtocol === null ? {} : { proxyProtocol: true }),
  });
}

/** The annotation by which a pod says how its proxy is to be. */
const annotation = 'proxy.istio.io/config';

/**
 * What a proxy says of what stands before it: its annotation, over the ProxyConfig that it was started with, field
 * by field.
 */
export function topologyOfNode(metadata: Readonly<Record<string, unknown>>): Result<GatewayTopology> {
  const started = metadata['PROXY_CONFIG'] as { readonly gatewayTopology?: unknown } | undefined;
  const base = decodeGatewayTopology(started?.gatewayTopology, 'node.metadata.PROXY_CONFIG.gatewayTopology');
  const text = (metadata['ANNOTATIONS'] as Readonly<Record<string, unknown>> | undefined)?.[annotation];
  if (!base.ok || typeof text !== 'string') return base;
  const at = `node.metadata.ANNOTATIONS["${annotation}"]`;
  const settings = parseProxySettings(text);
  if (!settings.ok) {
    return problems(
      settings.problems.map((one) => ({ ...one, path: one.path === '' ? at : `${at}.${one.path}` })),
    );
  }
  const own = decodeGatewayTopology(settings.value.gatewayTopology, `${at}.gatewayTopology`);
  return own.ok ? ok({ ...base.value, ...own.value }) : own;
}
