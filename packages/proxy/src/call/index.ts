export {
  callGrpc,
  tellGrpc,
  type GrpcFailure,
  type GrpcResult,
  type GrpcTarget,
  type UnaryMethod,
} from './grpc-call.ts';
export {
  callHttp,
  type Call,
  type CallAnswer,
  type CallContext,
  type CallFailure,
  type CallRequest,
  type CallResult,
} from './http-call.ts';
