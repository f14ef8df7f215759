export {
  CertificateAuthority,
  selfSignedAuthority,
  type AuthorityMaterial,
  type IssuedPair,
} from './authority.ts';
export {
  loadAuthority,
  ownSecretName,
  pluggedSecretName,
  type AuthorityOptions,
} from './authority-secret.ts';
export { registerCertificateService, type CertificateServiceOptions } from './certificate-service.ts';
export {
  controlPlaneNames,
  servingCertificate,
  type ServingCertificate,
  type ServingCertificateOptions,
} from './serving-certificate.ts';
export { parseSigningRequest, type SigningRequest } from './signing-request.ts';
export {
  bearerToken,
  tokenAuthenticator,
  type Authentication,
  type TokenAuthenticator,
  type TokenAuthenticatorOptions,
  type WorkloadCaller,
} from './token-authenticator.ts';
