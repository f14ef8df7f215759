import { encode } from '@lateen/protocol';
import { RequestMethod } from '@lateen/protocol/envoy/config/core/v3';
import {
  HTTPAccessLogEntry,
  TCPAccessLogEntry,
  type HTTPAccessLogEntry_HTTPVersion,
} from '@lateen/protocol/envoy/data/accesslog/v3';
import type { HeaderBlock } from '../../codec/header-block.ts';
import { headerName, names, type HeaderName } from '../../codec/header-name.ts';
import { processEnv } from '../../env.ts';
import type { RemoteLogSink } from '../../model/access-log.ts';
import { compileCustomTags } from '../custom-tags.ts';
import type { StreamInfo } from '../stream-info.ts';
import { commonProperties } from './entry-properties.ts';

const versions: Readonly<Record<string, HTTPAccessLogEntry_HTTPVersion>> = {
  'HTTP/1.0': 'HTTP10',
  'HTTP/1.1': 'HTTP11',
  'HTTP/2': 'HTTP2',
};
const originalPath = headerName('x-envoy-original-path');
const userAgent = headerName('user-agent');
const referer = headerName('referer');
const forwardedFor = headerName('x-forwarded-for');

/** Encodes what is known of a request, or of a TCP connection, as a record of `AccessLogService`. */
export function compileEntry(
  sink: RemoteLogSink & { readonly kind: 'grpc' },
): (info: StreamInfo) => Uint8Array {
  const compiled = compileCustomTags(sink.to.customTags, processEnv());
  const tagsOf =
    compiled.length === 0
      ? () => undefined
      : (info: StreamInfo) => Object.fromEntries(compiled.map(({ name, read }) => [name, read(info)]));
  if (sink.protocol === 'tcp') {
    return (info) =>
      encode(TCPAccessLogEntry, {
        commonProperties: commonProperties(info, tagsOf(info)),
        connectionProperties: { receivedBytes: info.bytesReceived, sentBytes: info.bytesSent },
      });
  }
  const requestHeaders = sink.requestHeaders.map(headerName);
  const responseHeaders = sink.responseHeaders.map(headerName);
  const responseTrailers = sink.responseTrailers.map(headerName);
  return (info) => {
    const { request, response } = info;
    const of = (name: HeaderName): string | undefined => request?.headers.get(name);
    return encode(HTTPAccessLogEntry, {
      commonProperties: commonProperties(info, tagsOf(info)),
      protocolVersion: versions[request?.version ?? ''],
      request: {
        requestMethod: RequestMethod.byName.has(request?.method ?? '')
          ? (request?.method as 'GET')
          : 'METHOD_UNSPECIFIED',
        scheme: request?.scheme,
        authority: request?.authority,
        path: request?.path,
        userAgent: of(userAgent),
        referer: of(referer),
        forwardedFor: of(forwardedFor),
        requestId: of(names.requestId),
        originalPath: of(originalPath),
        requestHeadersBytes: sizeOf(request?.headers),
        requestBodyBytes: info.bytesReceived,
        downstreamHeaderBytesReceived: info.downstreamBytes?.headerReceived,
        upstreamHeaderBytesSent: info.upstreamBytes?.headerSent,
        requestHeaders: pick(request?.headers, requestHeaders),
      },
      response: {
        ...(info.status === 0 ? {} : { responseCode: info.status }),
        responseHeadersBytes: sizeOf(response?.headers),
        responseBodyBytes: info.bytesSent,
        upstreamHeaderBytesReceived: info.upstreamBytes?.headerReceived,
        downstreamHeaderBytesSent: info.downstreamBytes?.headerSent,
        responseHeaders: pick(response?.headers, responseHeaders),
        responseTrailers: pick(info.responseTrailers, responseTrailers),
        responseCodeDetails: info.details.replaceAll(' ', '_'),
      },
    });
  };
}

/** Bytes of names and values. */
function sizeOf(block: HeaderBlock | undefined): number {
  let size = 0;
  block?.forEach((name, value) => (size += name.length + value.length));
  return size;
}

function pick(
  block: HeaderBlock | undefined,
  wanted: readonly HeaderName[],
): Readonly<Record<string, string>> | undefined {
  if (block === undefined || wanted.length === 0) return undefined;
  const found: Record<string, string> = {};
  for (const name of wanted) {
    const value = block.get(name);
    if (value !== undefined) found[name.lower] = value;
  }
  return found;
}
