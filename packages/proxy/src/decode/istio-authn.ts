import * as authn from '@lateen/protocol/istio/envoy/config/filter/http/authn/v2alpha1';
import type { IstioAuthn } from '../model/istio-authn.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const configPolicy = fieldPolicy(
  authn.FilterConfig,
  ['policy', 'skipValidateTrustDomain', 'disableClearRouteCache'],
  { jwtOutputPayloadLocations: 'has no effect in Istio either' },
);
const policyPolicy = fieldPolicy(authn.Policy, [
  'peers',
  'peerIsOptional',
  'origins',
  'originIsOptional',
  'principalBinding',
]);
const peerPolicy = fieldPolicy(authn.PeerAuthenticationMethod, ['mtls']);
const mutualTlsPolicy = fieldPolicy(authn.MutualTls, ['mode'], { allowTls: 'has no effect in Istio either' });
const originPolicy = fieldPolicy(authn.OriginAuthenticationMethod, ['jwt']);
const verifiedBefore = 'tokens are verified by envoy.filters.http.jwt_authn before';
const jwtPolicy = fieldPolicy(authn.Jwt, ['issuer'], {
  audiences: verifiedBefore,
  jwksUri: verifiedBefore,
  jwtHeaders: verifiedBefore,
  jwtParams: verifiedBefore,
  jwks: verifiedBefore,
});

export const istioAuthnPolicies = [
  configPolicy,
  policyPolicy,
  peerPolicy,
  mutualTlsPolicy,
  originPolicy,
  jwtPolicy,
];

/** Istio's filter that says who a peer is and who asks, as its control planes before 1.22 send it. */
export function decodeIstioAuthn(scope: Scope, config: authn.FilterConfig): IstioAuthn {
  scope.check(configPolicy, config);
  const policy = config.policy ?? {};
  const at = scope.at('policy');
  at.check(policyPolicy, policy);
  const { peers = [], origins = [] } = policy;
  if (peers.length > 1) at.at('peers').fail('must have one method at most');
  const issuers = origins.map(({ jwt = {}, ...origin }, i) => {
    const one = at.at('origins').at(i);
    one.check(originPolicy, { jwt, ...origin });
    one.at('jwt').check(jwtPolicy, jwt);
    if ((jwt.issuer ?? '') === '') one.at('jwt').at('issuer').fail('must not be empty');
    return jwt.issuer ?? '';
  });
  const [peer] = peers;
  return {
    mutualTls: peer === undefined ? undefined : decodeMutualTls(at.at('peers').at(0), peer),
    peerIsOptional: policy.peerIsOptional ?? false,
    issuers,
    originIsOptional: policy.originIsOptional ?? false,
    principal: policy.principalBinding === 'USE_ORIGIN' ? 'origin' : 'peer',
    checksTrustDomain: config.skipValidateTrustDomain !== true,
    reroutes: config.disableClearRouteCache !== true,
  };
}

function decodeMutualTls(scope: Scope, peer: authn.PeerAuthenticationMethod): 'strict' | 'permissive' {
  scope.check(peerPolicy, peer);
  const { mtls = {} } = peer;
  scope.at('mtls').check(mutualTlsPolicy, mtls);
  return mtls.mode === 'PERMISSIVE' ? 'permissive' : 'strict';
}
