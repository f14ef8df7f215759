import type { CidrRange } from './address.ts';
import type { HeaderMatch } from './route.ts';
import type { StringMatch } from './string-match.ts';
import type { MetadataMatch } from './metadata-match.ts';

/** A condition of a policy, on what is asked for (permission) or on who asks (principal). */
export type RbacCondition =
  | { readonly kind: 'any' }
  /** All of them, or one of them. */
  | { readonly kind: 'and' | 'or'; readonly conditions: readonly RbacCondition[] }
  | { readonly kind: 'not'; readonly condition: RbacCondition }
  | { readonly kind: 'header'; readonly header: HeaderMatch }
  /** The path without the query. */
  | { readonly kind: 'path'; readonly path: StringMatch }
  /** The path without the query, by a template: `/users/{id}`. */
  | { readonly kind: 'path_template'; readonly template: string }
  | { readonly kind: 'destination_ip'; readonly range: CidrRange }
  /** Half-open. */
  | { readonly kind: 'destination_port'; readonly start: number; readonly end: number }
  | { readonly kind: 'server_name'; readonly name: StringMatch }
  /** By TLS; with a name: a URI or a DNS name of the peer's certificate, or its subject, `''` where it shows none. */
  | { readonly kind: 'authenticated'; readonly name?: StringMatch }
  /** The first SPIFFE id of the peer's certificate (Istio's `io.istio.peer_principal`). */
  | { readonly kind: 'peer_principal'; readonly name: StringMatch }
  /** What filters before it found out of the request. */
  | { readonly kind: 'metadata'; readonly match: MetadataMatch }
  /** The peer of the connection. */
  | { readonly kind: 'direct_remote_ip'; readonly range: CidrRange }
  /** The client of the connection: the peer, or whom the PROXY protocol names. */
  | { readonly kind: 'source_ip'; readonly range: CidrRange }
  /** The client, by trusted headers or the PROXY protocol where they say so. */
  | { readonly kind: 'remote_ip'; readonly range: CidrRange };

/** Takes a request that one of the permissions and one of the principals fit. */
export interface RbacPolicy {
  readonly name: string;
  readonly permissions: readonly RbacCondition[];
  readonly principals: readonly RbacCondition[];
}

/** Who may pass: `allow`: only what a policy takes; `deny`: all but what a policy takes; `log`: all. */
export interface RbacRules {
  readonly action: 'allow' | 'deny' | 'log';
  readonly policies: readonly RbacPolicy[];
}
