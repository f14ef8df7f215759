import type { RequestHead } from '../codec/head.ts';
import { headerName, names } from '../codec/header-name.ts';
import { slot, type HeaderLines } from './head-parser.ts';
import type { ConnectionOptions } from './message-framing.ts';
import { applyTarget, isAuthority } from './request-target.ts';
import type { Http1ServerOptions } from './server-options.ts';

const slash = 47;
const otherScheme = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\//i;
const http2Settings = headerName('http2-settings');

/** The host of the last request of a connection: that of the next is nearly always the same, and then the same string. */
export interface LastHost {
  text: string;
}

/**
 * Completes a head whose lines were read: authority, path, and what is said to this hop (`te`, `upgrade`, `expect`)
 * become its fields. A fault where host or target are not what they must be (RFC 9112 section 3.2).
 */
export function completeRequestHead(
  head: RequestHead,
  lines: HeaderLines,
  target: string,
  connection: ConnectionOptions,
  options: Http1ServerOptions,
  lastHost: LastHost,
): 'missing_host' | 'bad_host' | 'bad_target' | 'bad_scheme' | undefined {
  const block = head.headers;
  const { seen, first } = lines;
  let host: string | undefined;
  if ((seen[slot.host] as number) > 0) {
    if ((seen[slot.host] as number) > 1) return 'bad_host';
    const line = first[slot.host] as number;
    host = block.valueIs(line, lastHost.text) ? lastHost.text : block.value(line);
    block.drop(line);
  } else if (head.version === 'HTTP/1.0') {
    host = options.defaultHostForHttp10;
  }
  if (host !== undefined && host !== lastHost.text) {
    if (!isAuthority(host)) return 'bad_host';
    lastHost.text = host;
  }
  if (!applyTarget(head, target, host, options.allowAbsoluteUrl)) {
    if (host === undefined && target.charCodeAt(0) === slash) return 'missing_host';
    return otherScheme.test(target) ? 'bad_scheme' : 'bad_target';
  }

  if ((seen[slot.te] as number) > 0) {
    head.acceptsTrailers = (block.get(names.te) ?? '').toLowerCase().includes('trailers');
    block.remove(names.te);
  }
  if ((seen[slot.upgrade] as number) > 0) {
    const wanted = connection.upgrade ? (block.get(names.upgrade) ?? '').toLowerCase() : '';
    // RFC 9113 has done away with the upgrade to h2c: the request is served as what it is.
    if (wanted === 'h2c' || wanted.startsWith('h2c,')) block.remove(http2Settings);
    else if (wanted !== '') head.upgrade = wanted;
    block.remove(names.upgrade);
  }
  if ((seen[slot.expect] as number) > 0 && head.version === 'HTTP/1.1') {
    head.expectContinue = block.value(first[slot.expect] as number).toLowerCase() === '100-continue';
  } else if ((seen[slot.expect] as number) > 0) {
    // What a client of HTTP/1.0 expects is not to be heard of (RFC 9110 section 10.1.1).
    block.remove(names.expect);
  }
  return undefined;
}

/** The client is told here that it may go on; the endpoint is not asked. */
export function dropExpectation(head: RequestHead): void {
  head.expectContinue = false;
  head.headers.remove(names.expect);
}
