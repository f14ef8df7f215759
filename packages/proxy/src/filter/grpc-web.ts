import { names } from '../codec/header-name.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import { latin1Slice } from '../codec/latin1.ts';
import type { BodyOutput, BodyTransform, CompiledHttpFilter } from './http-filter.ts';

const trailersFlag = 0x80;

interface GrpcWebType {
  readonly text: boolean;
  /** As in `+proto`; empty where there is none. */
  readonly suffix: string;
}

const webType = 'application/grpc-web';
const textType = `${webType}-text`;

/** `application/grpc-web-text+proto` -> what it is and what it becomes; undefined for other types. */
export function grpcWebType(type: string | undefined): GrpcWebType | undefined {
  if (type === undefined || !type.startsWith(webType)) return undefined;
  const text = type.startsWith(textType);
  const from = text ? textType.length : webType.length;
  const semicolon = type.indexOf(';', from);
  const suffix = type.slice(from, semicolon < 0 ? type.length : semicolon).trimEnd();
  // What follows the name must set itself off from it, and be no more than one word.
  if (suffix !== '' && (!suffix.startsWith('+') || suffix.length === 1 || suffix.includes(' ')))
    return undefined;
  return { text, suffix };
}

/** Decodes base64 that comes in pieces, each of them perhaps padded. */
class Base64Decoder implements BodyTransform {
  #rest = '';

  data(buffer: Buffer, start: number, end: number, output: BodyOutput): void {
    const text = this.#rest + latin1Slice(buffer, start, end).replace(/[\r\n]/g, '');
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    // A client may pad each message: what stands before the padding is decoded by itself.
    for (const part of text.slice(0, whole).match(/[^=]+=*/g) ?? []) {
      const bytes = Buffer.from(part, 'base64');
      if (bytes.length > 0) output.data(bytes, 0, bytes.length);
    }
  }

  end(trailers: HeaderBlock | undefined, output: BodyOutput): void {
    output.end(trailers);
  }
}

/** The body of an answer for gRPC-Web: messages as they are, then the trailers as one more; all of it as text where asked for. */
class WebAnswer implements BodyTransform {
  readonly #text: boolean;
  #rest: Buffer = Buffer.alloc(0);

  constructor(text: boolean) {
    this.#text = text;
  }

  data(buffer: Buffer, start: number, end: number, output: BodyOutput): void {
    if (!this.#text) {
      output.data(buffer, start, end);
      return;
    }
    const all = Buffer.concat([this.#rest, buffer.subarray(start, end)]);
    const whole = all.length - (all.length % 3);
    this.#rest = Buffer.from(all.subarray(whole));
    this.#write(all.subarray(0, whole), output);
  }

  #write(bytes: Buffer, output: BodyOutput): void {
    if (bytes.length === 0) return;
    const out = this.#text ? Buffer.from(bytes.toString('base64'), 'latin1') : bytes;
    output.data(out, 0, out.length);
  }

  end(trailers: HeaderBlock | undefined, output: BodyOutput): void {
    let block = '';
    trailers?.forEach((name, value) => (block += `${name.toLowerCase()}:${value}\r\n`));
    let last = this.#rest;
    if (block !== '') {
      const frame = Buffer.alloc(5);
      frame[0] = trailersFlag;
      frame.writeUInt32BE(Buffer.byteLength(block, 'latin1'), 1);
      last = Buffer.concat([last, frame, Buffer.from(block, 'latin1')]);
    }
    this.#write(last, output);
    output.end(undefined);
  }
}

/** Lets browsers, which see no trailers, speak to gRPC endpoints (Envoy, gRPC-Web filter; the gRPC-Web protocol). */
export function grpcWebFilter(name: string): CompiledHttpFilter {
  const asked = new WeakMap<object, GrpcWebType>();
  return {
    name,
    onRequest(exchange) {
      const { head } = exchange;
      const type = grpcWebType(head.headers.get(names.contentType));
      if (type === undefined) return 'continue';
      asked.set(exchange, type);
      head.headers.set(names.contentType, `application/grpc${type.suffix}`);
      head.headers.remove(names.contentLength);
      head.acceptsTrailers = true;
      if (type.text) exchange.transformRequest(new Base64Decoder());
      return 'continue';
    },
    onResponse(exchange, response, endStream) {
      const type = asked.get(exchange);
      if (type === undefined) return;
      const own = response.headers.get(names.contentType);
      if (own?.startsWith('application/grpc') !== true) return;
      response.headers.set(
        names.contentType,
        `application/grpc-web${type.text ? '-text' : ''}${type.suffix === '' ? '+proto' : type.suffix}`,
      );
      response.headers.remove(names.contentLength);
      if (!endStream) exchange.transformResponse(new WebAnswer(type.text));
    },
  };
}
