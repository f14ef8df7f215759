export {
  createChannel,
  type CallOptions,
  type Channel,
  type ChannelOptions,
  type ClientStream,
} from './channel.ts';
export type { ChannelTarget, ChannelTls } from './connection.ts';
export { defaultMaxMessageBytes, frame, FrameReader } from './framing.ts';
export type { StreamHandlers } from './client-call.ts';
export { formatTimeout, type Metadata } from './metadata.ts';
export type { MessageSink } from './message-stream.ts';
export {
  createGrpcServer,
  type GrpcListener,
  type GrpcServer,
  type StreamHandler,
  type UnaryHandler,
} from './server.ts';
export type { GrpcServerOptions, ListenOptions, ServerTls } from './server-options.ts';
export type { CallContext, Peer, ServerStream, ServerStreamHandlers } from './server-call.ts';
export {
  decodeGrpcMessage,
  errorOfStatus,
  GrpcError,
  grpcCodeNumber,
  grpcCodeOf,
  grpcCodeOfHttp,
  type GrpcCode,
} from './status.ts';
