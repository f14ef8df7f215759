import { headerName } from '../codec/header-name.ts';
import type { IstioAuthn } from '../model/istio-authn.ts';
import type { JsonValue } from '../model/metadata.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import { addMetadata } from './dynamic-metadata.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

type Claims = { readonly [key: string]: JsonValue };

/** Under which rules of authorization find what this filter says. */
const namespace = 'istio_authn';
/** Under which verified tokens are, by their issuer. */
const tokens = 'envoy.filters.http.jwt_authn';
const spiffe = 'spiffe://';
const origin = headerName('origin');
const requestedMethod = headerName('access-control-request-method');

/**
 * Says who a peer is and who asks, for the rules of authorization that come after (Istio, `istio_authn`: control planes
 * before 1.22 send it, and what it finds is in the metadata of its name).
 */
export function istioAuthnFilter(name: string, rules: IstioAuthn): CompiledHttpFilter {
  return {
    name,
    onRequest(exchange) {
      const peer = principalOf(exchange.connection.tls);
      if (!acceptsPeer(rules, peer, exchange.connection.tls) && !rules.peerIsOptional)
        return refuse(exchange, 'Peer authentication failed.');
      const token = tokenOf(rules, exchange);
      if (!acceptsOrigin(rules, exchange, token) && !rules.originIsOptional)
        return refuse(exchange, 'Origin authentication failed.');
      const found = { ...peerAttributes(peer), ...tokenAttributes(token) };
      const principal = rules.principal === 'peer' ? peer : token === undefined ? undefined : userOf(token);
      addMetadata(exchange, namespace, {
        ...found,
        ...(principal === undefined ? {} : { 'request.auth.principal': principal }),
      });
      if (token !== undefined && rules.reroutes) exchange.reroute();
      return 'continue';
    },
  };
}

function refuse(exchange: FilterExchange, body: string): 'stop' {
  exchange.reply(401, body, 'istio_authn_access_denied');
  return 'stop';
}

/** The peer's SPIFFE id without its scheme, another name as it is; undefined where it has shown no certificate. */
function principalOf(tls: TlsInfo | undefined): string | undefined {
  const uri = tls?.peerUriSans[0];
  return uri?.startsWith(spiffe) === true ? uri.slice(spiffe.length) : uri;
}

function acceptsPeer(
  { mutualTls, checksTrustDomain }: IstioAuthn,
  peer: string | undefined,
  tls: TlsInfo | undefined,
): boolean {
  if (mutualTls === undefined) return true;
  if (peer === undefined) return mutualTls === 'permissive';
  return !checksTrustDomain || domainOf(peer) === domainOf(tls?.own?.uriSans[0]?.slice(spiffe.length) ?? '');
}

const domainOf = (principal: string): string => principal.slice(0, Math.max(0, principal.indexOf('/')));

/** What the verified token of the first issuer says of whom there is one. */
function tokenOf({ issuers }: IstioAuthn, { dynamicMetadata }: FilterExchange): Claims | undefined {
  const known = dynamicMetadata?.[tokens];
  for (const issuer of issuers) {
    const payload = known?.[issuer];
    if (isClaims(payload)) return payload;
  }
  return undefined;
}

function acceptsOrigin(
  { issuers, principal }: IstioAuthn,
  { head }: FilterExchange,
  token: Claims | undefined,
): boolean {
  if (issuers.length === 0) return principal === 'peer';
  // Browsers ask without a token whether they may ask.
  const { headers, method } = head;
  if (method === 'OPTIONS' && headers.get(origin) !== undefined && headers.get(requestedMethod) !== undefined)
    return true;
  return token !== undefined;
}

function peerAttributes(peer: string | undefined): Claims {
  if (peer === undefined) return {};
  const parts = peer.split('/');
  const at = parts.indexOf('ns');
  const inNamespace = at < 0 ? undefined : parts[at + 1];
  return {
    'source.user': peer,
    'source.principal': peer,
    ...(inNamespace === undefined ? {} : { 'source.namespace': inNamespace }),
  };
}

function tokenAttributes(token: Claims | undefined): Claims {
  if (token === undefined) return {};
  const claims = listsOf(token);
  const [audience] = asList(claims['aud']);
  const [presenter] = asList(claims['azp']);
  return {
    ...(audience === undefined ? {} : { 'request.auth.audiences': audience }),
    ...(presenter === undefined ? {} : { 'request.auth.presenter': presenter }),
    'request.auth.claims': claims,
    'request.auth.raw_claims': JSON.stringify(token),
  };
}

function userOf(token: Claims): string | undefined {
  const claims = listsOf(token);
  const [issuer] = asList(claims['iss']);
  const [subject] = asList(claims['sub']);
  return typeof issuer === 'string' && typeof subject === 'string' ? `${issuer}/${subject}` : undefined;
}

/** Claims as rules look for them: each text as a list of its words, lists of texts as they are, and objects in the same way. */
function listsOf(claims: Claims): Claims {
  const lists: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(claims)) {
    if (typeof value === 'string') lists[key] = value.split(' ').filter((word) => word !== '');
    else if (isList(value)) {
      if (value.every((one) => typeof one === 'string')) lists[key] = value;
    } else if (isClaims(value)) lists[key] = listsOf(value);
  }
  return lists;
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isClaims(value: JsonValue | undefined): value is Claims {
  return value !== undefined && value !== null && typeof value === 'object' && !isList(value);
}

const asList = (value: JsonValue | undefined): readonly JsonValue[] => (isList(value) ? value : []);
