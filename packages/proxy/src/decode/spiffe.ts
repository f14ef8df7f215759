import type { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import type { CertificateValidationContext } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import * as tls from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import type { TrustDomain } from '../model/tls.ts';
import { decodeDataSource } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const configPolicy = fieldPolicy(tls.SPIFFECertValidatorConfig, ['trustDomains']);
const domainPolicy = fieldPolicy(tls.SPIFFECertValidatorConfig_TrustDomain, ['name', 'trustBundle']);

export const spiffePolicies = [configPolicy, domainPolicy];

const validatorName = 'envoy.tls.cert_validator.spiffe';

/** The trust domains of a validation context with the SPIFFE validator, the only one there is besides the usual one. */
export function decodeTrustDomains(
  scope: Scope,
  message: CertificateValidationContext,
): readonly TrustDomain[] | undefined {
  const validator = message.customValidatorConfig;
  if (validator === undefined) return undefined;
  const at = scope.at('customValidatorConfig');
  const config = decodeConfig(at, validator);
  for (const [i, { sanType }] of (message.matchTypedSubjectAltNames ?? []).entries()) {
    // Envoy passes over the others, and so accepts every name where there are only such.
    if (sanType !== 'URI')
      scope
        .at('matchTypedSubjectAltNames')
        .at(i)
        .at('sanType')
        .fail(`must be URI: ${validatorName} looks at no other names`);
  }
  const seen = new Set<string>();
  return (config.trustDomains ?? []).map((domain, i) => {
    const place = at.at('typedConfig').at('trustDomains').at(i);
    place.check(domainPolicy, domain);
    const { name = '' } = domain;
    if (seen.has(name)) place.at('name').fail(`"${name}" has a bundle already: put all its roots into one`);
    seen.add(name);
    return { name, bundle: decodeDataSource(place.at('trustBundle'), domain.trustBundle) };
  });
}

function decodeConfig(at: Scope, validator: TypedExtensionConfig): tls.SPIFFECertValidatorConfig {
  if (validator.name !== validatorName) {
    at.at('name').fail(`"${validator.name ?? ''}" is not supported: use ${validatorName}`);
    return {};
  }
  const place = at.at('typedConfig');
  const config = place.unpack(tls.SPIFFECertValidatorConfig, validator.typedConfig);
  if (config === undefined) return {};
  place.check(configPolicy, config);
  if ((config.trustDomains ?? []).length === 0) place.at('trustDomains').fail('must have at least one');
  return config;
}
