import type { TransportSocket } from '@lateen/protocol/envoy/config/core/v3';
import type {
  CertificateValidationContext,
  CommonTlsContext,
  SdsSecretConfig,
  Secret as SecretMessage,
  SubjectAltNameMatcher,
  TlsCertificate as TlsCertificateMessage,
  TlsParameters,
  TlsSessionTicketKeys,
} from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { ProxyProtocolUpstreamTransport } from '@lateen/protocol/envoy/extensions/transport_sockets/proxy_protocol/v3';
import * as tls from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import type {
  CertificateValidation,
  CidrRange,
  DataSource,
  DownstreamTransport,
  OcspPolicy,
  SanMatch,
  Secret,
  TlsCertificate,
  TlsKeyLog,
  TlsOptions,
  TlsVersion,
  UpstreamTransport,
} from '../model/index.ts';
import { decodeCidr, decodeDataSource, decodeStringMatch, decodeWatchedDirectory } from './basics.ts';
import { decodeReference } from './config-source.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeProxyProtocolConfig } from './proxy-protocol.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';
import { decodeTrustDomains } from './spiffe.ts';

const downstreamPolicy = fieldPolicy(
  tls.DownstreamTlsContext,
  [
    'commonTlsContext',
    'requireClientCertificate',
    'sessionTimeout',
    'disableStatelessSessionResumption',
    'sessionTicketKeys',
    'sessionTicketKeysSdsSecretConfig',
    'fullScanCertsOnSniMismatch',
    'ocspStaplePolicy',
  ],
  {
    requireSni: 'a chain that needs a name matches on it (filter_chain_match.server_names)',
    disableStatefulSessionResumption: 'sessions are resumed by tickets only',
  },
);
const upstreamPolicy = fieldPolicy(tls.UpstreamTlsContext, ['commonTlsContext', 'sni', 'maxSessionKeys'], {
  allowRenegotiation: 'an endpoint that wants to renegotiate is refused',
  enforceRsaKeyUsage: 'key usage is checked by OpenSSL',
});
const commonPolicy = fieldPolicy(tls.CommonTlsContext, [
  'tlsParams',
  'tlsCertificates',
  'tlsCertificateSdsSecretConfigs',
  'validationContext',
  'validationContextSdsSecretConfig',
  'combinedValidationContext',
  'alpnProtocols',
  'keyLog',
]);
const keyLogPolicy = fieldPolicy(tls.TlsKeyLog, ['path', 'localAddressRange', 'remoteAddressRange']);
const combinedPolicy = fieldPolicy(tls.CommonTlsContext_CombinedCertificateValidationContext, [
  'defaultValidationContext',
  'validationContextSdsSecretConfig',
]);
const parametersPolicy = fieldPolicy(tls.TlsParameters, [
  'tlsMinimumProtocolVersion',
  'tlsMaximumProtocolVersion',
  'cipherSuites',
  'ecdhCurves',
  'signatureAlgorithms',
]);
const certificatePolicy = fieldPolicy(
  tls.TlsCertificate,
  ['certificateChain', 'privateKey', 'pkcs12', 'password', 'ocspStaple', 'watchedDirectory'],
  {
    signedCertificateTimestamp: 'not sent to clients',
  },
);
const validationPolicy = fieldPolicy(tls.CertificateValidationContext, [
  'trustedCa',
  'systemRootCerts',
  'verifyCertificateSpki',
  'verifyCertificateHash',
  'matchTypedSubjectAltNames',
  'matchSubjectAltNames',
  'crl',
  'onlyVerifyLeafCertCrl',
  'maxVerifyDepth',
  'allowExpiredCertificate',
  'trustChainVerification',
  'customValidatorConfig',
  'watchedDirectory',
]);
const sanPolicy = fieldPolicy(tls.SubjectAltNameMatcher, ['sanType', 'matcher']);
const secretPolicy = fieldPolicy(tls.Secret, [
  'name',
  'tlsCertificate',
  'validationContext',
  'genericSecret',
  'sessionTicketKeys',
]);
const ticketKeysPolicy = fieldPolicy(tls.TlsSessionTicketKeys, ['keys']);
const sdsPolicy = fieldPolicy(tls.SdsSecretConfig, ['name', 'sdsConfig']);

const proxyProtocolPolicy = fieldPolicy(ProxyProtocolUpstreamTransport, ['config', 'transportSocket']);

export const tlsPolicies = [
  keyLogPolicy,
  proxyProtocolPolicy,
  downstreamPolicy,
  upstreamPolicy,
  commonPolicy,
  combinedPolicy,
  parametersPolicy,
  certificatePolicy,
  validationPolicy,
  sanPolicy,
  secretPolicy,
  ticketKeysPolicy,
  sdsPolicy,
];

const rawBuffer = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';

/** What wraps the bytes towards a client. */
export function decodeDownstreamTransport(
  scope: Scope,
  socket: TransportSocket | undefined,
): DownstreamTransport {
  if (socket === undefined || typeNameOf(socket.typedConfig) === rawBuffer) return { kind: 'raw' };
  const message = scope.at('typedConfig').unpack(tls.DownstreamTlsContext, socket.typedConfig);
  if (message === undefined) return { kind: 'raw' };
  const at = scope.at('typedConfig');
  at.check(downstreamPolicy, message);
  const { sessionTicketKeys: keys, sessionTicketKeysSdsSecretConfig: keysSecret } = message;
  return {
    kind: 'downstream_tls',
    options: decodeCommon(at.at('commonTlsContext'), message.commonTlsContext ?? {}),
    requireClientCertificate: message.requireClientCertificate ?? false,
    ...(message.fullScanCertsOnSniMismatch === true ? { scansAllCertificates: true } : {}),
    ...(message.sessionTimeout === undefined ? {} : { sessionTimeoutMs: message.sessionTimeout }),
    ...(message.ocspStaplePolicy === undefined
      ? {}
      : {
          ocspPolicy: at.at('ocspStaplePolicy').choice(message.ocspStaplePolicy, ocspPolicies, 'lenient'),
        }),
    disableStatelessResumption: message.disableStatelessSessionResumption ?? false,
    ...(keys === undefined ? {} : { sessionTicketKeys: decodeTicketKeys(at.at('sessionTicketKeys'), keys) }),
    ...(keysSecret === undefined
      ? {}
      : { sessionTicketKeysSecret: decodeSds(at.at('sessionTicketKeysSdsSecretConfig'), keysSecret) }),
  };
}

const ocspPolicies: Readonly<Record<string, OcspPolicy>> = {
  LENIENT_STAPLING: 'lenient',
  STRICT_STAPLING: 'strict',
  MUST_STAPLE: 'must',
};

/** Keys of session tickets; what is inline is measured here, so that its field is named. */
function decodeTicketKeys(scope: Scope, message: TlsSessionTicketKeys): readonly DataSource[] {
  scope.check(ticketKeysPolicy, message);
  const { keys = [] } = message;
  if (keys.length === 0) scope.at('keys').fail('must not be empty');
  return keys.map((key, i) => {
    const at = scope.at('keys').at(i);
    at.holdsSecret();
    const source = decodeDataSource(at, key);
    if (source.kind === 'inline' && source.bytes.length !== 80)
      at.fail(`must have 80 bytes, has ${source.bytes.length}`);
    return source;
  });
}

/** What wraps the bytes towards an endpoint; the HTTP protocol options add the two `auto` switches. */
export function decodeUpstreamTransport(
  scope: Scope,
  socket: TransportSocket | undefined,
  auto: { readonly sni: boolean; readonly sanValidation: boolean },
): UpstreamTransport {
  if (socket === undefined || typeNameOf(socket.typedConfig) === rawBuffer) return { kind: 'raw' };
  const at = scope.at('typedConfig');
  if (typeNameOf(socket.typedConfig) === ProxyProtocolUpstreamTransport.typeName) {
    const message = at.unpack(ProxyProtocolUpstreamTransport, socket.typedConfig) ?? {};
    at.check(proxyProtocolPolicy, message);
    const inner = decodeUpstreamTransport(at.at('transportSocket'), message.transportSocket, auto);
    if (inner.proxyProtocol !== undefined) at.at('transportSocket').fail('must not be another header');
    const proxyProtocol = decodeProxyProtocolConfig(at.at('config'), message.config ?? {});
    return { ...inner, proxyProtocol };
  }
  const message = at.unpack(tls.UpstreamTlsContext, socket.typedConfig);
  if (message === undefined) return { kind: 'raw' };
  at.check(upstreamPolicy, message);
  const options = decodeCommon(at.at('commonTlsContext'), message.commonTlsContext ?? {});
  // As Envoy: a client cannot know which one a server wants.
  if (options.certificates.length + options.certificateSecrets.length > 1)
    at.at('commonTlsContext')
      .at('tlsCertificates')
      .fail('must have one certificate at most towards endpoints');
  return {
    kind: 'upstream_tls',
    options,
    sni: message.sni ?? '',
    autoSni: auto.sni,
    autoSanValidation: auto.sanValidation,
    maxSessionKeys: message.maxSessionKeys ?? 1,
  };
}

/** A secret as SDS or the static bootstrap carries it. */
export function decodeSecret(scope: Scope, message: SecretMessage): Secret {
  scope.check(secretPolicy, message);
  const name = message.name ?? '';
  if (message.tlsCertificate !== undefined) {
    const certificate = decodeCertificate(scope.at('tlsCertificate'), message.tlsCertificate);
    return { kind: 'certificate', name, certificate };
  }
  if (message.validationContext !== undefined) {
    const validation = decodeValidation(scope.at('validationContext'), message.validationContext);
    return { kind: 'validation', name, validation };
  }
  if (message.sessionTicketKeys !== undefined) {
    const keys = decodeTicketKeys(scope.at('sessionTicketKeys'), message.sessionTicketKeys);
    return { kind: 'ticket_keys', name, keys };
  }
  if (message.genericSecret === undefined) {
    scope.fail('must have one of tls_certificate, validation_context, session_ticket_keys, generic_secret');
  }
  scope.holdsSecret();
  const secret = decodeDataSource(scope.at('genericSecret').at('secret'), message.genericSecret?.secret);
  return { kind: 'generic', name, secret };
}

function decodeCommon(scope: Scope, message: CommonTlsContext): TlsOptions {
  scope.check(commonPolicy, message);
  const parameters = message.tlsParams ?? {};
  const params = scope.at('tlsParams');
  params.check(parametersPolicy, parameters);
  const minVersion = decodeVersion(
    params.at('tlsMinimumProtocolVersion'),
    parameters.tlsMinimumProtocolVersion,
  );
  const maxVersion = decodeVersion(
    params.at('tlsMaximumProtocolVersion'),
    parameters.tlsMaximumProtocolVersion,
  );
  const { validation, secret } = decodeValidationChoice(scope, message);
  return {
    certificates: (message.tlsCertificates ?? []).map((certificate, i) =>
      decodeCertificate(scope.at('tlsCertificates').at(i), certificate),
    ),
    certificateSecrets: (message.tlsCertificateSdsSecretConfigs ?? []).map((config, i) =>
      decodeSds(scope.at('tlsCertificateSdsSecretConfigs').at(i), config),
    ),
    ...(validation === undefined ? {} : { validation }),
    ...(secret === undefined ? {} : { validationSecret: secret }),
    alpn: message.alpnProtocols ?? [],
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    cipherSuites: parameters.cipherSuites ?? [],
    ecdhCurves: parameters.ecdhCurves ?? [],
    ...(parameters.signatureAlgorithms === undefined
      ? {}
      : { signatureAlgorithms: parameters.signatureAlgorithms }),
    ...(message.keyLog === undefined ? {} : { keyLog: decodeKeyLog(scope.at('keyLog'), message.keyLog) }),
  };
}

function decodeKeyLog(scope: Scope, message: tls.TlsKeyLog): TlsKeyLog {
  scope.check(keyLogPolicy, message);
  const { path = '' } = message;
  if (path === '') scope.at('path').fail('must not be empty');
  const ranges = (field: 'localAddressRange' | 'remoteAddressRange'): readonly CidrRange[] =>
    (message[field] ?? []).map((range, i) => decodeCidr(scope.at(field).at(i), range));
  return {
    path,
    localRanges: ranges('localAddressRange'),
    remoteRanges: ranges('remoteAddressRange'),
  };
}

function decodeValidationChoice(
  scope: Scope,
  message: CommonTlsContext,
): { readonly validation: CertificateValidation | undefined; readonly secret: string | undefined } {
  if (message.validationContext !== undefined) {
    const validation = decodeValidation(scope.at('validationContext'), message.validationContext);
    return { validation, secret: undefined };
  }
  if (message.validationContextSdsSecretConfig !== undefined) {
    const at = scope.at('validationContextSdsSecretConfig');
    return { validation: undefined, secret: decodeSds(at, message.validationContextSdsSecretConfig) };
  }
  const combined = message.combinedValidationContext;
  if (combined === undefined) return { validation: undefined, secret: undefined };
  const at = scope.at('combinedValidationContext');
  at.check(combinedPolicy, combined);
  return {
    validation: decodeValidation(at.at('defaultValidationContext'), combined.defaultValidationContext ?? {}),
    secret: decodeSds(
      at.at('validationContextSdsSecretConfig'),
      combined.validationContextSdsSecretConfig ?? {},
    ),
  };
}

function decodeSds(scope: Scope, message: SdsSecretConfig): string {
  scope.check(sdsPolicy, message);
  if (message.name === undefined) scope.at('name').fail('must not be empty');
  // Without a source it is a secret of the bootstrap, which is there already.
  const { name = '', sdsConfig } = message;
  if (sdsConfig !== undefined) decodeReference(scope.at('sdsConfig'), sdsConfig, 'secrets', name);
  return name;
}

function decodeCertificate(scope: Scope, message: TlsCertificateMessage): TlsCertificate {
  scope.check(certificatePolicy, message);
  return {
    ...decodeChainAndKey(scope, message),
    ...decodeOcspStaple(scope.at('ocspStaple'), message.ocspStaple),
    ...(message.password === undefined
      ? {}
      : { password: decodeDataSource(scope.at('password'), message.password) }),
    ...decodeWatchedDirectory(scope.at('watchedDirectory'), message.watchedDirectory),
  };
}

function decodeOcspStaple(
  scope: Scope,
  message: TlsCertificateMessage['ocspStaple'],
): Pick<TlsCertificate, 'ocspResponse'> {
  if (message === undefined) return {};
  if (message.inlineString !== undefined) scope.fail('must be bytes (DER): inline_bytes or filename');
  return { ocspResponse: decodeDataSource(scope, message) };
}

function decodeChainAndKey(
  scope: Scope,
  message: TlsCertificateMessage,
): Pick<TlsCertificate, 'format' | 'chain' | 'privateKey'> {
  if (message.password !== undefined) scope.holdsSecret();
  if (message.pkcs12 !== undefined) {
    for (const field of ['certificateChain', 'privateKey'] as const) {
      if (message[field] !== undefined) scope.at(field).fail('must not be set beside pkcs12, which holds it');
    }
    const bundle = decodeDataSource(scope.at('pkcs12'), message.pkcs12);
    if (bundle.kind === 'inline') scope.holdsSecret();
    return { format: 'pkcs12', chain: bundle, privateKey: bundle };
  }
  const privateKey = decodeDataSource(scope.at('privateKey'), message.privateKey);
  if (privateKey.kind === 'inline') scope.holdsSecret();
  return { chain: decodeDataSource(scope.at('certificateChain'), message.certificateChain), privateKey };
}

/** How a peer is verified; names are verified only where a root is given. */
function decodeValidation(scope: Scope, message: CertificateValidationContext): CertificateValidation {
  scope.check(validationPolicy, message);
  const trustDomains = decodeTrustDomains(scope, message);
  const typed = (message.matchTypedSubjectAltNames ?? []).map((san, i) =>
    decodeSan(scope.at('matchTypedSubjectAltNames').at(i), san),
  );
  const untyped = (message.matchSubjectAltNames ?? []).map((san, i): SanMatch => {
    return {
      type: trustDomains === undefined ? 'any' : 'uri',
      match: decodeStringMatch(scope.at('matchSubjectAltNames').at(i), san),
    };
  });
  return {
    ...(message.trustedCa === undefined
      ? {}
      : { trustedCa: decodeDataSource(scope.at('trustedCa'), message.trustedCa) }),
    ...(message.systemRootCerts === undefined ? {} : { systemRoots: true }),
    ...(trustDomains === undefined ? {} : { trustDomains }),
    sanMatches: [...typed, ...untyped],
    ...(message.crl === undefined ? {} : { crl: decodeDataSource(scope.at('crl'), message.crl) }),
    ...(message.onlyVerifyLeafCertCrl === true ? { revocationOfLeafOnly: true } : {}),
    ...(message.maxVerifyDepth === undefined ? {} : { maxVerifyDepth: message.maxVerifyDepth }),
    certificateHashes: message.verifyCertificateHash ?? [],
    spkiHashes: message.verifyCertificateSpki ?? [],
    allowExpired: message.allowExpiredCertificate ?? false,
    ...decodeWatchedDirectory(scope.at('watchedDirectory'), message.watchedDirectory),
    acceptUntrusted: message.trustChainVerification === 'ACCEPT_UNTRUSTED',
  };
}

const sanTypes: Readonly<Record<string, SanMatch['type']>> = {
  EMAIL: 'email',
  DNS: 'dns',
  URI: 'uri',
  IP_ADDRESS: 'ip',
};

function decodeSan(scope: Scope, message: SubjectAltNameMatcher): SanMatch {
  scope.check(sanPolicy, message);
  return {
    type: scope.at('sanType').choice(message.sanType, sanTypes, 'any'),
    match: decodeStringMatch(scope.at('matcher'), message.matcher),
  };
}

const versions: Readonly<Record<string, TlsVersion | 'auto'>> = {
  TLS_AUTO: 'auto',
  TLSv1_0: 'TLSv1.0',
  TLSv1_1: 'TLSv1.1',
  TLSv1_2: 'TLSv1.2',
  TLSv1_3: 'TLSv1.3',
};

function decodeVersion(
  scope: Scope,
  version: TlsParameters['tlsMinimumProtocolVersion'],
): TlsVersion | undefined {
  const chosen = scope.choice(version, versions, 'auto');
  return chosen === 'auto' ? undefined : chosen;
}
