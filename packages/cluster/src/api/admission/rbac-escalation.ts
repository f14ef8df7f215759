import { isStatus, type KubeObject } from '@lateen/kube';
import { objectIn, textIn } from '../builtin/default-fields.ts';
import { ruleAllows, type AccessRequest, type PolicyRule } from '../auth/policy-rules.ts';
import type { RbacAuthorizer } from '../auth/rbac-authorizer.ts';
import type { ResourceReader } from '../registry/resource-reader.ts';
import type { TypeRegistry } from '../registry/type-registry.ts';
import { forbidden } from '../status.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const group = 'rbac.authorization.k8s.io';

/** Nobody gives away what he does not have: neither by a role nor by binding one. */
export function rbacEscalation(
  authorizer: RbacAuthorizer,
  reader: ResourceReader,
  types: TypeRegistry,
): AdmissionPlugin {
  /** The rules that a binding would give. */
  const boundRules = async (binding: KubeObject): Promise<readonly PolicyRule[]> => {
    const role = objectIn(binding, 'roleRef');
    const plural = textIn(role, 'kind') === 'Role' ? 'roles' : 'clusterroles';
    const type = types.findPlural(group, plural);
    if (type === undefined) return [];
    const namespace = plural === 'roles' ? (binding.metadata.namespace ?? '') : '';
    const found = await reader.get(type, namespace, textIn(role, 'name')).catch((error: unknown) => {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    });
    return rulesIn(found);
  };

  return {
    name: 'RbacEscalation',
    async validate(request) {
      const { type, object, operation, context } = request;
      if (type.group !== group || object === undefined || operation === 'DELETE') return;
      const { user } = context;
      if (user.groups.includes('system:masters')) return;
      const isBinding = type.plural.endsWith('bindings');
      if (await authorizer.allows(user, wayAround(request, isBinding))) return;
      const given = isBinding ? await boundRules(object) : rulesIn(object);
      const held = await authorizer.rulesOf(user, object.metadata.namespace ?? '');
      const missing = given.filter((rule) => !covers(held, rule));
      if (missing.length === 0) return;
      const text = `user ${JSON.stringify(user.name)} (groups=${JSON.stringify(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${missing.map((rule) => JSON.stringify(rule)).join('\n')}`;
      throw forbidden(type, object.metadata.name, text);
    },
  };
}

function rulesIn(role: KubeObject | undefined): readonly PolicyRule[] {
  return (role?.['rules'] ?? []) as readonly PolicyRule[];
}

/** Who has the verb `escalate` or `bind` need not hold what he gives. */
function wayAround({ object, type }: AdmissionRequest, isBinding: boolean): AccessRequest {
  const role = objectIn(object, 'roleRef');
  const roles = textIn(role, 'kind') === 'Role' ? 'roles' : 'clusterroles';
  return {
    kind: 'resource',
    verb: isBinding ? 'bind' : 'escalate',
    group,
    resource: isBinding ? roles : type.plural,
    subresource: '',
    name: isBinding ? textIn(role, 'name') : (object?.metadata.name ?? ''),
    namespace: object?.metadata.namespace ?? '',
  };
}

/** True where the rules held allow everything that a rule would allow. */
function covers(held: readonly PolicyRule[], rule: PolicyRule): boolean {
  return requestsOf(rule).every((request) => held.some((one) => ruleAllows(one, request)));
}

function requestsOf(rule: PolicyRule): AccessRequest[] {
  const names =
    rule.resourceNames === undefined || rule.resourceNames.length === 0 ? [''] : rule.resourceNames;
  return rule.verbs.flatMap((verb) => [
    ...(rule.nonResourceURLs ?? []).map((path): AccessRequest => ({ kind: 'path', verb, path })),
    ...(rule.apiGroups ?? []).flatMap((apiGroup) =>
      (rule.resources ?? []).flatMap((whole) => {
        const [resource = '', subresource = ''] = whole.split('/', 2);
        return names.map(
          (name): AccessRequest => ({
            kind: 'resource',
            verb,
            group: apiGroup,
            resource,
            subresource,
            name,
            namespace: '',
          }),
        );
      }),
    ),
  ]);
}
