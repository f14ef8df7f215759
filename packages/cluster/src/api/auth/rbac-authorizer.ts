import type { KubeObject } from '@lateen/kube';
import type { UserInfo } from '../registry/request-context.ts';
import type { ResourceReader } from '../registry/resource-reader.ts';
import type { TypeRegistry } from '../registry/type-registry.ts';
import { ruleAllows, type AccessRequest, type PolicyRule } from './policy-rules.ts';

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** A role bound to subjects; `namespace` is empty where it holds everywhere. */
interface Grant {
  readonly namespace: string;
  readonly subjects: readonly Subject[];
  readonly rules: readonly PolicyRule[];
}

const rbacGroup = 'rbac.authorization.k8s.io';
const plurals = ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'] as const;
/** Members may do everything, whatever the roles say: the way back in. */
const allPowerful = 'system:masters';

/** Decides by Roles, ClusterRoles and their bindings. */
export class RbacAuthorizer {
  readonly #reader: ResourceReader;
  readonly #types: TypeRegistry;
  readonly #stops: (() => void)[] = [];
  #grants: Promise<readonly Grant[]> | undefined;

  constructor(reader: ResourceReader, types: TypeRegistry) {
    this.#reader = reader;
    this.#types = types;
    for (const plural of plurals) {
      const forget = (): void => void (this.#grants = undefined);
      this.#stops.push(reader.watch(this.#type(plural), { namespace: '' }, reader.revision(), forget));
    }
  }

  async allows(user: UserInfo, access: AccessRequest): Promise<boolean> {
    if (user.groups.includes(allPowerful)) return true;
    const namespace = access.kind === 'resource' ? access.namespace : '';
    for (const grant of await this.#load()) {
      if (grant.namespace !== '' && grant.namespace !== namespace) continue;
      if (!grant.subjects.some((subject) => isSubject(subject, user, grant.namespace))) continue;
      if (grant.rules.some((rule) => ruleAllows(rule, access))) return true;
    }
    return false;
  }

  /** The rules that hold for a user in a namespace. */
  async rulesOf(user: UserInfo, namespace: string): Promise<readonly PolicyRule[]> {
    if (user.groups.includes(allPowerful)) {
      return [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ];
    }
    const grants = await this.#load();
    return grants
      .filter((grant) => grant.namespace === '' || grant.namespace === namespace)
      .filter((grant) => grant.subjects.some((subject) => isSubject(subject, user, grant.namespace)))
      .flatMap((grant) => grant.rules);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #type(plural: string) {
    const type = this.#types.findPlural(rbacGroup, plural);
    if (type === undefined) throw new Error(`${plural} are not served`);
    return type;
  }

  #load(): Promise<readonly Grant[]> {
    this.#grants ??= this.#read();
    return this.#grants;
  }

  async #read(): Promise<readonly Grant[]> {
    const list = async (plural: string): Promise<KubeObject[]> =>
      (await this.#reader.list(this.#type(plural), { namespace: '' })).items;
    const rules = new Map<string, readonly PolicyRule[]>();
    for (const role of await list('clusterroles'))
      rules.set(`ClusterRole//${role.metadata.name}`, rulesIn(role));
    for (const role of await list('roles')) {
      rules.set(`Role/${role.metadata.namespace}/${role.metadata.name}`, rulesIn(role));
    }
    const grants: Grant[] = [];
    for (const binding of [...(await list('clusterrolebindings')), ...(await list('rolebindings'))]) {
      const namespace = binding.metadata.namespace ?? '';
      const role = binding['roleRef'] as { kind: string; name: string };
      const key = role.kind === 'Role' ? `Role/${namespace}/${role.name}` : `ClusterRole//${role.name}`;
      const found = rules.get(key);
      const subjects = (binding['subjects'] ?? []) as readonly Subject[];
      if (found !== undefined) grants.push({ namespace, subjects, rules: found });
    }
    return grants;
  }
}

function rulesIn(role: KubeObject): readonly PolicyRule[] {
  return (role['rules'] ?? []) as readonly PolicyRule[];
}

function isSubject(subject: Subject, user: UserInfo, bindingNamespace: string): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.name === user.name;
    case 'Group':
      return user.groups.includes(subject.name);
    case 'ServiceAccount': {
      const namespace = subject.namespace ?? bindingNamespace;
      return user.name === `system:serviceaccount:${namespace}:${subject.name}`;
    }
    default:
      return false;
  }
}
