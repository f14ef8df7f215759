export {
  callGrpc,
  tellGrpc,
  type GrpcFailure,
  type GrpcResult,
  type GrpcTarget,
  type UnaryMethod,
} from './grpc-call.ts';
export {
  ClusterGrpcCaller,
  type GrpcCaller,
  type GrpcCallerOptions,
  type GrpcStream,
  type GrpcStreamHandlers,
} from './grpc-caller.ts';
export {
  callHttp,
  type Call,
  type CallAnswer,
  type CallContext,
  type CallFailure,
  type CallRequest,
  type CallResult,
  type ClusterCalls,
} from './http-call.ts';
