import type { AttributeContext, CheckRequest } from '@lateen/protocol/envoy/service/auth/v3';
import { names } from '../../codec/header-name.ts';
import { headerName } from '../../codec/header-name.ts';
import { textOfHeaderValue } from '../../codec/header-value.ts';
import { compileStringMatch, type TextTest } from '../../decide/string-match.ts';
import type { SocketAddress } from '../../model/address.ts';
import type { ExtAuthz } from '../../model/ext-authz.ts';
import type { Metadata } from '../../model/metadata.ts';
import type { StringMatch } from '../../model/string-match.ts';
import type { TlsInfo } from '../../wire/tls-info.ts';
import type { FilterExchange } from '../http-filter.ts';

const serviceCluster = headerName('x-envoy-downstream-service-cluster');

/** True for names that one of the conditions takes. Throws where a regular expression is none. */
export function anyName(list: readonly StringMatch[]): TextTest {
  const tests = list.map(compileStringMatch);
  return (name) => tests.some((test) => test(name));
}

/** The body that a service is shown. */
export interface ShownBody {
  readonly bytes: Buffer;
  readonly partial: boolean;
}

/** An address, as services are told it. */
function addressOf({ address, port }: SocketAddress): NonNullable<AttributeContext['source']>['address'] {
  return { socketAddress: { address, portValue: port } };
}

function principalOf(tls: TlsInfo | undefined): string | undefined {
  if (tls?.peerCertificate === undefined) return undefined;
  return tls.peerUriSans[0] ?? tls.peerDnsSans[0] ?? tls.peerSubject;
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function pick(metadata: Metadata | undefined, namespaces: readonly string[]): Metadata | undefined {
  const entries = namespaces.flatMap((name) => {
    const values = metadata?.[name];
    return values === undefined ? [] : [[name, values] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Who speaks, by his address and his certificate. */
export function peerOf(
  address: SocketAddress,
  tls: TlsInfo | undefined,
  withCertificate: boolean,
): NonNullable<AttributeContext['source']> {
  const principal = principalOf(tls);
  return {
    address: addressOf(address),
    ...(principal === undefined ? {} : { principal }),
    ...(withCertificate && tls?.peerCertificate !== undefined
      ? { certificate: encodeURIComponent(pem(tls.peerCertificate.der)) }
      : {}),
  };
}

/** Who is spoken to: by its address, its certificate, and the labels of this proxy. */
export function destinationOf(
  address: SocketAddress,
  tls: TlsInfo | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): NonNullable<AttributeContext['destination']> {
  const own = tls?.own;
  const principal = own?.uriSans[0] ?? own?.dnsSans[0] ?? own?.subject;
  return {
    address: addressOf(address),
    ...(principal === undefined ? {} : { principal }),
    ...(labels === undefined ? {} : { labels }),
  };
}

/** The labels of this proxy in its metadata; undefined where there are none under the key. */
export function labelsOf(
  nodeMetadata: Readonly<Record<string, unknown>>,
  key: string,
): Readonly<Record<string, string>> | undefined {
  const labels = key === '' ? undefined : nodeMetadata[key];
  if (labels === null || typeof labels !== 'object') return undefined;
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}

/** Puts together what a gRPC service is told of a request (`envoy.service.auth.v3.AttributeContext`). */
export class CheckRequestMaker {
  readonly #config: ExtAuthz;
  readonly #labels: Readonly<Record<string, string>> | undefined;
  readonly #allowed: TextTest | undefined;
  readonly #disallowed: TextTest;

  /** Throws where a regular expression is none. */
  constructor(config: ExtAuthz, nodeMetadata: Readonly<Record<string, unknown>>) {
    this.#config = config;
    this.#allowed = config.allowedHeaders === undefined ? undefined : anyName(config.allowedHeaders);
    this.#disallowed = anyName(config.disallowedHeaders);
    this.#labels = labelsOf(nodeMetadata, config.labelsKey);
  }

  make(
    exchange: FilterExchange,
    body: ShownBody | undefined,
    contextExtensions: Readonly<Record<string, string>>,
    withBody: { readonly packAsBytes: boolean } | undefined,
  ): CheckRequest {
    const { connection } = exchange;
    const { tls } = connection;
    const config = this.#config;
    const metadata = pick(exchange.dynamicMetadata, config.metadataNamespaces);
    const routeMetadata = pick(exchange.route?.route.metadata, config.routeMetadataNamespaces);
    const service = exchange.head.headers.get(serviceCluster);
    const attributes: AttributeContext = {
      source: {
        ...peerOf(exchange.client, tls, config.includePeerCertificate),
        ...(service === undefined ? {} : { service: textOfHeaderValue(service) }),
      },
      destination: destinationOf(connection.local, tls, this.#labels),
      request: { time: exchange.startWallMs, http: this.#http(exchange, body, withBody) },
      contextExtensions,
      metadataContext: metadata === undefined ? {} : { filterMetadata: metadata },
      routeMetadataContext: routeMetadata === undefined ? {} : { filterMetadata: routeMetadata },
      ...(config.includeTlsSession && tls !== undefined ? { tlsSession: { sni: tls.sni } } : {}),
    };
    return { attributes };
  }

  #http(
    { head, requestComplete }: FilterExchange,
    body: ShownBody | undefined,
    withBody: { readonly packAsBytes: boolean } | undefined,
  ): NonNullable<NonNullable<AttributeContext['request']>['http']> {
    const lines = this.#headersOf(head);
    if (body !== undefined) lines.push(['x-envoy-auth-partial-body', String(body.partial)]);
    const length = head.headers.get(names.contentLength);
    const known = length === undefined ? (requestComplete ? 0 : -1) : Number(length);
    return {
      id: head.headers.get(names.requestId) ?? '',
      method: head.method,
      ...(this.#config.rawHeaders
        ? {
            headerMap: {
              headers: lines.map(([key, value]) => ({ key, rawValue: Buffer.from(value, 'latin1') })),
            },
          }
        : { headers: joined(lines) }),
      path: textOfHeaderValue(head.path),
      host: textOfHeaderValue(head.authority),
      scheme: head.scheme,
      size: body === undefined || body.partial ? known : body.bytes.length,
      protocol: head.version,
      ...(body === undefined || body.bytes.length === 0
        ? {}
        : withBody?.packAsBytes === true
          ? { rawBody: body.bytes }
          : { body: body.bytes.toString('utf8') }),
    };
  }

  #headersOf(head: FilterExchange['head']): (readonly [string, string])[] {
    const lines: (readonly [string, string])[] = [];
    const add = (name: string, value: string): void => {
      const lower = name.toLowerCase();
      if (this.#disallowed(lower) || this.#allowed?.(lower) === false) return;
      lines.push([lower, value]);
    };
    add(':authority', head.authority);
    add(':path', head.path);
    add(':method', head.method);
    add(':scheme', head.scheme);
    head.headers.forEach(add);
    return lines;
  }
}

function joined(lines: readonly (readonly [string, string])[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of lines) {
    const before = headers.get(name);
    const text = textOfHeaderValue(value);
    headers.set(name, before === undefined ? text : `${before},${text}`);
  }
  return Object.fromEntries(headers);
}
