import type { SocketAddress } from '../model/address.ts';
import type { Metadata } from '../model/metadata.ts';
import type { RbacCondition, RbacRules } from '../model/rbac.ts';
import { compileHeaderMatch, type RoutableRequest } from './header-match.ts';
import { compileIpRange } from './ip-range.ts';
import { compileRegex, compileStringMatch } from './string-match.ts';
import { parseUriTemplate } from './uri-template.ts';
import { compileMetadataMatch } from './metadata-match.ts';

/** Who asks for what: of a request, or of a connection where `request` is undefined. */
export interface RbacSubject {
  readonly request: RoutableRequest | undefined;
  readonly destination: SocketAddress;
  /** The peer of the connection. */
  readonly directRemote: SocketAddress;
  /** The peer, or whom the PROXY protocol names. */
  readonly source: SocketAddress;
  readonly remote: SocketAddress;
  readonly serverName: string;
  /** The names of its certificate, empty where it shows none; undefined without TLS. */
  readonly peer: PeerNames | undefined;
  /** What filters have found out of the request, or of the connection. */
  readonly metadata: Metadata | undefined;
}

/** Names that somebody has by TLS. */
export interface PeerNames {
  readonly peerUriSans: readonly string[];
  readonly peerDnsSans: readonly string[];
  readonly peerSubject: string;
}

export interface RbacVerdict {
  readonly allowed: boolean;
  /** The policy that took it. */
  readonly policy: string | undefined;
}

/** Says whether somebody may pass. */
export type RbacDecision = (subject: RbacSubject) => RbacVerdict;

type Test = (subject: RbacSubject) => boolean;

/** Compiles rules; the first policy that takes a subject decides. Throws where a regular expression is none. */
export function compileRbac(rules: RbacRules): RbacDecision {
  const policies = rules.policies.map(({ name, permissions, principals }) => {
    const permitted = anyOf(permissions);
    const known = anyOf(principals);
    return { name, takes: (subject: RbacSubject) => permitted(subject) && known(subject) };
  });
  return (subject) => {
    const policy = policies.find(({ takes }) => takes(subject))?.name;
    const taken = policy !== undefined;
    const allowed = rules.action === 'log' || (rules.action === 'allow') === taken;
    return { allowed, policy };
  };
}

function anyOf(conditions: readonly RbacCondition[]): Test {
  const tests = conditions.map(compileCondition);
  const [only] = tests;
  if (only !== undefined && tests.length === 1) return only;
  return (subject) => tests.some((test) => test(subject));
}

function compileCondition(condition: RbacCondition): Test {
  switch (condition.kind) {
    case 'any':
      return () => true;
    case 'and': {
      const tests = condition.conditions.map(compileCondition);
      return (subject) => tests.every((test) => test(subject));
    }
    case 'or':
      return anyOf(condition.conditions);
    case 'not': {
      const test = compileCondition(condition.condition);
      return (subject) => !test(subject);
    }
    case 'header': {
      const test = compileHeaderMatch(condition.header);
      return ({ request }) => request !== undefined && test(request);
    }
    case 'path': {
      const test = compileStringMatch(condition.path);
      return ({ request }) => request !== undefined && test(withoutQuery(request.path));
    }
    case 'path_template': {
      const test = compileRegex(parseUriTemplate(condition.template).regex);
      return ({ request }) => request !== undefined && test(withoutQuery(request.path));
    }
    case 'destination_ip': {
      const range = compileIpRange(condition.range);
      return ({ destination }) => range.contains(destination.address);
    }
    case 'destination_port':
      return ({ destination }) => destination.port >= condition.start && destination.port < condition.end;
    case 'server_name': {
      const test = compileStringMatch(condition.name);
      return ({ serverName }) => test(serverName);
    }
    case 'authenticated': {
      if (condition.name === undefined) return ({ peer }) => peer !== undefined;
      const test = compileStringMatch(condition.name);
      return ({ peer }) => peer !== undefined && hasName(peer, test);
    }
    case 'peer_principal': {
      const test = compileStringMatch(condition.name);
      return ({ peer }) => {
        const id = peer?.peerUriSans.find((uri) => uri.startsWith('spiffe://'));
        return id !== undefined && test(id);
      };
    }
    case 'metadata': {
      const test = compileMetadataMatch(condition.match);
      return ({ metadata }) => test(metadata);
    }
    case 'source_ip': {
      const range = compileIpRange(condition.range);
      return ({ source }) => range.contains(source.address);
    }
    case 'direct_remote_ip': {
      const range = compileIpRange(condition.range);
      return ({ directRemote }) => range.contains(directRemote.address);
    }
    default: {
      const range = compileIpRange(condition.range);
      return ({ remote }) => range.contains(remote.address);
    }
  }
}

/** As Envoy: each name counts, the subject too where there are others. */
function hasName({ peerUriSans, peerDnsSans, peerSubject }: PeerNames, test: (name: string) => boolean) {
  return peerUriSans.some(test) || peerDnsSans.some(test) || test(peerSubject);
}

function withoutQuery(path: string): string {
  const at = path.search(/[?#]/);
  return at < 0 ? path : path.slice(0, at);
}
