import * as authz from '@lateen/protocol/envoy/extensions/filters/network/ext_authz/v3';
import type { NetworkExtAuthz } from '../model/ext-authz.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeGrpcService } from './grpc-service.ts';
import { decodeMetadataMatch } from './metadata-match.ts';
import type { Scope } from './scope.ts';

const filterPolicy = fieldPolicy(
  authz.ExtAuthz,
  [
    'statPrefix',
    'grpcService',
    'failureModeAllow',
    'includePeerCertificate',
    'filterEnabledMetadata',
    'bootstrapMetadataLabelsKey',
    'includeTlsSession',
  ],
  { transportApiVersion: 'v3 is the only one' },
);

export const networkExtAuthzPolicies = [filterPolicy];

/** Who is asked about connections. */
export function decodeNetworkExtAuthz(scope: Scope, message: authz.ExtAuthz): NetworkExtAuthz {
  scope.check(filterPolicy, message);
  const { filterEnabledMetadata } = message;
  if ((message.statPrefix ?? '') === '') scope.at('statPrefix').fail('must not be empty');
  return {
    statPrefix: message.statPrefix ?? '',
    service: decodeGrpcService(scope.at('grpcService'), message.grpcService),
    failureModeAllow: message.failureModeAllow ?? false,
    includePeerCertificate: message.includePeerCertificate ?? false,
    includeTlsSession: message.includeTlsSession ?? false,
    labelsKey: message.bootstrapMetadataLabelsKey ?? '',
    ...(filterEnabledMetadata === undefined
      ? {}
      : { enabledMetadata: decodeMetadataMatch(scope.at('filterEnabledMetadata'), filterEnabledMetadata) }),
  };
}
