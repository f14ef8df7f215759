import { Client, credentials } from '@grpc/grpc-js';

/** Makes one unary call with the gRPC client of Node; resolves to the bytes of the answer, fails where its status is not 0. */
export function callOnce(port: number, authority: string, method: string, message: Buffer): Promise<Buffer> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.default_authority': authority,
  });
  const bytes = (value: Buffer): Buffer => value;
  return new Promise<Buffer>((resolve, reject) => {
    const deadline = Date.now() + 5000;
    client.makeUnaryRequest(method, bytes, bytes, message, { deadline }, (error, answer) => {
      if (error !== null) reject(error);
      else resolve(answer ?? Buffer.alloc(0));
    });
  }).finally(() => client.close());
}
