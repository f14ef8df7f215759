/** Error codes of HTTP/2 (RFC 9113, section 7) that gRPC uses. Those of `node:http2` would load it at every start. */
export const http2Codes = {
  noError: 0x00,
  refusedStream: 0x07,
  cancel: 0x08,
  enhanceYourCalm: 0x0b,
  inadequateSecurity: 0x0c,
} as const;
