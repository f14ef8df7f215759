/** Why a token is not accepted, in the words in which Envoy tells clients. */
export const jwtFailure = {
  missing: 'Jwt is missing',
  form: 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  headerBase64: 'Jwt header is an invalid Base64url encoded',
  headerJson: 'Jwt header is an invalid JSON',
  headerAlg: 'Jwt header [alg] field is required and must be a string',
  algorithm: 'Jwt header [alg] is not supported',
  headerKid: 'Jwt header [kid] field must be a string',
  payloadBase64: 'Jwt payload is an invalid Base64url encoded',
  payloadJson: 'Jwt payload is an invalid JSON',
  signatureBase64: 'Jwt signature is an invalid Base64url encoded',
  issuer: 'Jwt issuer is not configured',
  subject: 'Jwt subject is not allowed',
  audience: 'Audiences in Jwt are not allowed',
  expired: 'Jwt is expired',
  noExpiration: 'Jwt must have an expiration',
  lifetime: 'Jwt lifetime is too long',
  early: 'Jwt not yet valid',
  verification: 'Jwt verification fails',
  keyNotFound: "Jwks doesn't have key to match kid or alg from Jwt",
  fetch: 'Jwks remote fetch is failed',
} as const;

export type JwtFailure = (typeof jwtFailure)[keyof typeof jwtFailure];
