/** What overload asks for now; read for each connection, request and answer. Shares are from 0 to 1. */
export class OverloadState {
  /** Of new requests that are answered with 503. */
  stopAcceptingRequests = 0;
  /** Of answers after which the connection ends. */
  disableHttpKeepalive = 0;
  /** Of new connections that are closed at once. */
  rejectIncomingConnections = 0;
  /** Connections of clients that are taken; undefined: the runtime key says it. */
  maxDownstreamConnections: number | undefined;
}
