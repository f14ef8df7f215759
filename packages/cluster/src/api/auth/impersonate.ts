import type { IncomingHttpHeaders } from 'node:http';
import type { UserInfo } from '../registry/request-context.ts';
import { badRequest, failure } from '../status.ts';
import { anonymous } from './authenticate.ts';
import type { AccessRequest } from './policy-rules.ts';
import type { RbacAuthorizer } from './rbac-authorizer.ts';

const accountPrefix = 'system:serviceaccount:';

/** The user that a request acts as (`kubectl --as`); throws `Forbidden` where its own user may not do that. */
export async function impersonate(
  headers: IncomingHttpHeaders,
  user: UserInfo,
  authorizer: RbacAuthorizer,
): Promise<UserInfo> {
  const name = textOf(headers['impersonate-user']);
  const asked = listOf(headers['impersonate-group']);
  if (name === '') {
    if (asked.length > 0) throw badRequest('requested groups without impersonating a user');
    return user;
  }
  const [, namespace = '', account = ''] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name) ?? [];
  const subject = account === '' ? access('users', name, '') : access('serviceaccounts', account, namespace);
  const wishes = [subject, ...asked.map((group) => access('groups', group, ''))];
  for (const wish of wishes) if (!(await authorizer.allows(user, wish))) throw denied(user, wish);
  const implied = name.startsWith(accountPrefix)
    ? ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
    : [];
  const known = name === anonymous.name ? anonymous.groups : ['system:authenticated'];
  return { name, groups: [...new Set([...(asked.length > 0 ? asked : implied), ...known])] };
}

function textOf(value: string | string[] | undefined): string {
  return [value ?? ''].flat()[0] ?? '';
}

/** Node joins a header that is sent more than once. */
function listOf(value: string | string[] | undefined): string[] {
  const texts = value === undefined ? [] : [value].flat();
  return texts.flatMap((text) => text.split(',')).map((text) => text.trim());
}

type ResourceAccess = Extract<AccessRequest, { kind: 'resource' }>;

function access(resource: string, name: string, namespace: string): ResourceAccess {
  return { kind: 'resource', verb: 'impersonate', group: '', resource, subresource: '', name, namespace };
}

function denied(user: UserInfo, { resource, name, namespace }: ResourceAccess): Error {
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const message = `${resource} ${JSON.stringify(name)} is forbidden: User ${JSON.stringify(user.name)} cannot impersonate resource ${JSON.stringify(resource)} in API group "" ${scope}`;
  return failure(403, 'Forbidden', message, { name, kind: resource });
}
