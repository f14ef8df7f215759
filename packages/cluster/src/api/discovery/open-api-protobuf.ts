/** OpenAPI v2 in protocol buffers (gnostic's `openapi.v2.Document`); clients ask with an `@`, which is no character of an answer's type. */
const mediaType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** True where the client takes nothing but protocol buffers, as kubectl does for v2. */
export function wantsProtobuf(accept: string | undefined): boolean {
  return accept !== undefined && accept.includes('proto-openapi.spec.v2') && !accept.includes('json');
}

function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  if (bytes.length > 127) throw new Error('longer than a length of one byte can say');
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

/**
 * A v2 document without definitions. kubectl asks for it only about kinds that v3 does not
 * describe, and takes a kind without definition for one that is not checked here: what it then
 * says is that there is no such kind, and not that a download failed.
 */
export function emptyOpenApiV2(info: { readonly title: string; readonly version: string }): {
  readonly type: string;
  readonly body: Buffer;
} {
  const about = Buffer.concat([field(1, info.title), field(2, info.version)]);
  return { type: mediaType, body: Buffer.concat([field(1, '2.0'), field(2, about), field(8, '')]) };
}
