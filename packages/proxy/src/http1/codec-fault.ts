import type { HttpVersion } from '../codec/head.ts';
import { badCharacter, fragment, tooMany } from './head-parser.ts';
import { reasonPhrase } from './reason-phrase.ts';

/** Why a request was refused before it became one. */
export type CodecFault =
  | 'malformed_head'
  /** Control characters where none may be. */
  | 'bad_characters'
  | 'fragment'
  | 'headers_too_large'
  | 'too_many_headers'
  | 'bad_framing'
  | 'two_framings'
  | 'bad_host'
  | 'missing_host'
  | 'bad_target'
  | 'bad_scheme'
  | 'bad_connection'
  | 'unsupported_version'
  | 'unknown_coding'
  | 'malformed_body'
  | 'head_timeout'
  /** The client went away within its head. */
  | 'gone';

/** What the client is told; 0: nothing. */
export const faultStatus: Readonly<Record<CodecFault, number>> = {
  malformed_head: 400,
  bad_characters: 400,
  fragment: 400,
  headers_too_large: 431,
  too_many_headers: 431,
  bad_framing: 400,
  two_framings: 400,
  bad_host: 400,
  missing_host: 400,
  bad_target: 400,
  bad_scheme: 400,
  bad_connection: 400,
  unsupported_version: 426,
  unknown_coding: 501,
  malformed_body: 400,
  head_timeout: 408,
  gone: 0,
};

/** Faults that are none of the protocol: the client is well understood, and not served. */
const understood: ReadonlySet<CodecFault> = new Set(['fragment', 'missing_host', 'head_timeout', 'gone']);

/** True where the client has broken the protocol. */
export function breaksProtocol(fault: CodecFault): boolean {
  return !understood.has(fault);
}

const http1Details: Readonly<Record<CodecFault, string>> = {
  malformed_head: 'http1.codec_error',
  bad_characters: 'http1.invalid_characters',
  fragment: 'path_normalization_failed',
  headers_too_large: 'http1.headers_too_large',
  too_many_headers: 'http1.too_many_headers',
  bad_framing: 'http1.codec_error',
  two_framings: 'http1.content_length_and_chunked_not_allowed',
  bad_host: 'http.invalid_authority',
  missing_host: 'missing_host_header',
  bad_target: 'http1.invalid_url',
  bad_scheme: 'http1.invalid_scheme',
  bad_connection: 'http1.connection_header_rejected',
  unsupported_version: 'low_version',
  unknown_coding: 'http1.invalid_transfer_encoding',
  malformed_body: 'http1.codec_error',
  head_timeout: 'request_header_timeout',
  gone: 'downstream_remote_disconnect',
};

/** What it is to have no body whose end is certain. */
export const framingFaults = {
  bad_length: 'bad_framing',
  bad_coding: 'bad_framing',
  both: 'two_framings',
  unknown_coding: 'unknown_coding',
} as const;

/** What the parsers say besides that the bytes are not HTTP. */
const headFaults: Readonly<Record<number, RefusedFault>> = {
  [tooMany]: 'too_many_headers',
  [badCharacter]: 'bad_characters',
  [fragment]: 'fragment',
};

/** Why a head cannot be read, by the code with which its parser stopped. */
export function headFault(code: number): RefusedFault {
  return headFaults[code] ?? 'malformed_head';
}

/** Envoy's response code details (its page "Response Code Details"). */
export function faultDetails(fault: CodecFault, version: HttpVersion): string {
  if (version !== 'HTTP/2') return http1Details[fault];
  if (fault === 'malformed_head') return 'http2.violation.of.messaging.rule';
  return fault === 'headers_too_large' ? 'http2.header_list_size_too_large' : 'http2.too_many_headers';
}

/** Those that are answered: {@link faultStatus}, {@link faultText} and {@link faultDetails} say how. */
export type RefusedFault = Exclude<CodecFault, 'gone'>;

/** True where the head is whole: the client is well understood, and not served. */
export function isReadable(fault: CodecFault): boolean {
  return fault === 'missing_host';
}

/** What the answer says. */
export function faultText(fault: RefusedFault): string {
  if (fault === 'head_timeout') return 'request header timeout';
  return isReadable(fault) || fault === 'fragment' ? '' : reasonPhrase(faultStatus[fault]);
}
