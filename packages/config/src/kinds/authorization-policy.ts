import { choice, list, message, text, type ShapeOf } from '../schema/shape.ts';
import { matchLabelsSelector, targetRef, targetRefs } from './selectors.ts';

const values = (description: string) => list(description, text('Value.'));

export const authorizationRule = message('A rule: who does what under which conditions.', {
  from: list(
    'Sources, of which one must match; none means any.',
    message('A source.', {
      source: message('Properties of the source; all that are given must hold.', {
        principals: values('Identities of the peer, as cluster.local/ns/NS/sa/SA.'),
        notPrincipals: values('Identities of the peer that do not match.'),
        requestPrincipals: values('Identities of the token, as ISSUER/SUBJECT.'),
        notRequestPrincipals: values('Identities of the token that do not match.'),
        namespaces: values('Namespaces of the peer.'),
        notNamespaces: values('Namespaces of the peer that do not match.'),
        serviceAccounts: values('Service accounts of the peer, as SA or NS/SA.'),
        notServiceAccounts: values('Service accounts of the peer that do not match.'),
        ipBlocks: values('Addresses of the peer.'),
        notIpBlocks: values('Addresses of the peer that do not match.'),
        remoteIpBlocks: values('Addresses of the original client.'),
        notRemoteIpBlocks: values('Addresses of the original client that do not match.'),
      }),
    }),
  ),
  to: list(
    'Operations, of which one must match; none means any.',
    message('An operation.', {
      operation: message('Properties of the request; all that are given must hold.', {
        hosts: values('Hosts.'),
        notHosts: values('Hosts that do not match.'),
        ports: values('Ports.'),
        notPorts: values('Ports that do not match.'),
        methods: values('Methods.'),
        notMethods: values('Methods that do not match.'),
        paths: values('Paths; * at either end and templates {*}, {**} are allowed.'),
        notPaths: values('Paths that do not match.'),
      }),
    }),
  ),
  when: list(
    'Further conditions, all of which must hold.',
    message(
      'A condition.',
      {
        key: text('Attribute, such as request.headers[x-token].', { minLength: 1 }),
        values: values('Values of which one must match.'),
        notValues: values('Values that must not match.'),
      },
      { required: ['key'] },
    ),
  ),
});

export type AuthorizationRule = ShapeOf<typeof authorizationRule>;

export const authorizationPolicy = message('Who may do what.', {
  selector: matchLabelsSelector,
  targetRef,
  targetRefs,
  rules: list('Rules, of which one must match; none matches nothing.', authorizationRule),
  action: choice('What happens to requests that match; ALLOW where left out.', [
    'ALLOW',
    'DENY',
    'AUDIT',
    'CUSTOM',
  ]),
  provider: message('Who decides, for action CUSTOM.', { name: text('Name of the extension provider.') }),
});
export type AuthorizationPolicySpec = ShapeOf<typeof authorizationPolicy>;
