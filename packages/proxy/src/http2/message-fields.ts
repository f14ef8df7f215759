import type { RequestHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import { names, tokenLower } from '../codec/header-name.ts';
import { latin1Slice } from '../codec/latin1.ts';
import { isAuthority } from '../http1/request-target.ts';
import type { FieldSink } from './hpack/decoder.ts';
import type { Field } from './hpack/field.ts';
import type { FieldName } from './hpack/field-name.ts';

/** Why a message is not taken. */
export type MessageFault = 'malformed' | 'too_large' | 'too_many';

export interface MessageLimits {
  /** Names and values, as Envoy counts `max_request_headers_kb`: without the 32 a field of RFC 9113 section 6.5.2. */
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  /** Requests may ask for a protocol (RFC 8441). */
  readonly extendedConnect: boolean;
}

/** What a block of fields is to be. `discard`: nobody wants it, but the tables must follow. */
export type BlockKind = 'request' | 'response' | 'trailers' | 'discard';

/**
 * Takes the fields of one message after the other, strictly as RFC 9113 section 8 has it: pseudo headers first, once and
 * only those of the kind; lower-case names; nothing about the connection; one content length.
 */
export class MessageFields implements FieldSink {
  readonly #limits: MessageLimits;
  #kind: BlockKind = 'discard';
  #block: HeaderBlock | undefined;
  #bytes = 0;
  #count = 0;
  #regularSeen = false;
  #method: string | undefined;
  #scheme: string | undefined;
  #authority: string | undefined;
  #path: string | undefined;
  #protocol: string | undefined;
  #status: string | undefined;
  #host: string | undefined;
  #cookie: string | undefined;
  #acceptsTrailers = false;
  #expectContinue = false;
  /** -1: the message does not say. */
  contentLength = -1;
  fault: MessageFault | undefined;

  constructor(limits: MessageLimits) {
    this.#limits = limits;
  }

  /** Begins a block; its regular fields go to `block`. */
  begin(kind: BlockKind, block: HeaderBlock | undefined): void {
    this.#kind = kind;
    this.#block = block;
    this.#bytes = 0;
    this.#count = 0;
    this.#regularSeen = false;
    this.#method = undefined;
    this.#scheme = undefined;
    this.#authority = undefined;
    this.#path = undefined;
    this.#protocol = undefined;
    this.#status = undefined;
    this.#host = undefined;
    this.#cookie = undefined;
    this.#acceptsTrailers = false;
    this.#expectContinue = false;
    this.contentLength = -1;
    this.fault = undefined;
  }

  onField(field: Field): void {
    this.#take(field.name, field, field.source, field.start, field.end, field.isValid);
  }

  onLiteral(name: FieldName, source: Buffer, start: number, end: number, isValid: boolean): void {
    this.#take(name, undefined, source, start, end, isValid);
  }

  #take(
    name: FieldName,
    field: Field | undefined,
    source: Buffer,
    start: number,
    end: number,
    isValid: boolean,
  ): void {
    const block = this.#block;
    if (block === undefined || this.fault !== undefined) return;
    this.#bytes += name.lower.length + end - start;
    if (this.#bytes > this.#limits.maxHeadBytes) {
      this.fault = 'too_large';
      return;
    }
    const { role } = name;
    if (!isValid || role === 'invalid' || role === 'connection') {
      this.fault = 'malformed';
      return;
    }
    if (role === 'regular') {
      this.#regularSeen = true;
      if (++this.#count > this.#limits.maxHeaders) this.fault = 'too_many';
      else block.addBytes(name, source, start, end);
      return;
    }
    this.#takeSpecial(name, field?.text ?? latin1Slice(source, start, end), block);
  }

  #takeSpecial(name: FieldName, text: string, block: HeaderBlock): void {
    const request = this.#kind === 'request';
    switch (name.role) {
      case 'method':
        if (!request || !this.#isFirst(this.#method)) return this.#refuse();
        this.#method = text;
        return;
      case 'scheme':
        if (!request || !this.#isFirst(this.#scheme)) return this.#refuse();
        this.#scheme = text;
        return;
      case 'authority':
        if (!request || !this.#isFirst(this.#authority)) return this.#refuse();
        this.#authority = text;
        return;
      case 'path':
        if (!request || !this.#isFirst(this.#path)) return this.#refuse();
        this.#path = text;
        return;
      case 'status':
        if (this.#kind !== 'response' || !this.#isFirst(this.#status)) return this.#refuse();
        this.#status = text;
        return;
      case 'protocol':
        // Extended CONNECT is only allowed where SETTINGS offered it.
        if (!request || !this.#limits.extendedConnect || !this.#isFirst(this.#protocol))
          return this.#refuse();
        this.#protocol = text;
        return;
      default:
    }
    this.#regularSeen = true;
    if (++this.#count > this.#limits.maxHeaders) {
      this.fault = 'too_many';
      return;
    }
    switch (name.role) {
      case 'te':
        if (text !== 'trailers') return this.#refuse();
        this.#acceptsTrailers = true;
        return;
      case 'content-length': {
        const length = parseLength(text);
        if (length < 0 || this.contentLength >= 0 || this.#kind === 'trailers') return this.#refuse();
        this.contentLength = length;
        break;
      }
      case 'host':
        if (request) {
          if (this.#host !== undefined) return this.#refuse();
          this.#host = text;
          return;
        }
        break;
      case 'cookie':
        if (request) {
          // Cookies may come in crumbs; HTTP/1 wants one line (RFC 9113 section 8.2.3).
          this.#cookie = this.#cookie === undefined ? text : `${this.#cookie}; ${text}`;
          return;
        }
        break;
      case 'expect':
        if (request && text.toLowerCase() === '100-continue') this.#expectContinue = true;
        break;
      default:
    }
    block.add(name, text);
  }

  #isFirst(before: string | undefined): boolean {
    return before === undefined && !this.#regularSeen;
  }

  #refuse(): void {
    this.fault = 'malformed';
  }

  /** Finishes the head of a request; {@link fault} says whether it is one. */
  completeRequest(head: RequestHead): void {
    const method = this.#method;
    if (this.fault !== undefined) return;
    if (method === undefined || !isToken(method)) return this.#refuse();
    const authority = this.#authority ?? this.#host;
    // Two names for the same thing that disagree would be routed by one and served by the other.
    if (this.#host !== undefined && this.#host !== authority) return this.#refuse();
    if (authority === undefined || authority === '' || !isAuthority(authority)) return this.#refuse();
    head.version = 'HTTP/2';
    head.method = method;
    head.authority = authority;
    const protocol = this.#protocol;
    if (protocol !== undefined && (method !== 'CONNECT' || !isToken(protocol))) return this.#refuse();
    if (method === 'CONNECT' && protocol === undefined) {
      if (this.#path !== undefined || this.#scheme !== undefined) return this.#refuse();
      head.path = '';
      head.upgrade = 'connect';
    } else {
      const path = this.#path;
      if (path === undefined || !isPath(path, method)) return this.#refuse();
      if (this.#scheme !== 'http' && this.#scheme !== 'https') return this.#refuse();
      head.scheme = this.#scheme;
      head.path = path;
      if (protocol !== undefined) {
        // From here on it is what it would be in HTTP/1.1: a GET with an upgrade.
        head.method = 'GET';
        head.upgrade = protocol.toLowerCase();
      }
    }
    head.acceptsTrailers = this.#acceptsTrailers;
    head.expectContinue = this.#expectContinue;
    if (this.#cookie !== undefined) head.headers.add(names.cookie, this.#cookie);
  }

  /** The status of a response; 0 where it has none that is valid. */
  get status(): number {
    const text = this.#status;
    if (text === undefined || text.length !== 3) return 0;
    const status = parseLength(text);
    return status < 100 ? 0 : status;
  }
}

/** Digits only, as a number; -1 where it is anything else or has more than 15. */
function parseLength(text: string): number {
  if (text.length === 0 || text.length > 15) return -1;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 48 || c > 57) return -1;
  }
  return Number(text);
}

function isToken(text: string): boolean {
  if (text.length === 0) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 255 || tokenLower[c] === 0) return false;
  }
  return true;
}

/** A path that stays one word on a request line of HTTP/1. */
function isPath(path: string, method: string): boolean {
  if (path === '*') return method === 'OPTIONS';
  if (path.charCodeAt(0) !== 47) return false;
  for (let i = 1; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c <= 0x20 || c === 0x7f) return false;
  }
  return true;
}
