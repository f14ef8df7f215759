import type { MessageType } from './message-type.ts';

/** How many messages flow in each direction. */
export type MethodKind = 'unary' | 'client-streaming' | 'server-streaming' | 'bidi';

/** A method of a gRPC service. */
export interface MethodType<Request, Response> {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly kind: MethodKind;
  readonly request: MessageType<Request>;
  readonly response: MessageType<Response>;
}

/** Makes a method; used by generated code. */
export function method<Request, Response>(
  path: string,
  kind: MethodKind,
  types: () => readonly [MessageType<Request>, MessageType<Response>],
): MethodType<Request, Response> {
  return {
    path,
    kind,
    get request() {
      return types()[0];
    },
    get response() {
      return types()[1];
    },
  };
}
