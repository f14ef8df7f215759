/** `PolicyRule` of RBAC. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** What somebody wants to do. */
export type AccessRequest =
  | {
      readonly kind: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource: string;
      /** Empty: none, or any. */
      readonly name: string;
      readonly namespace: string;
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string };

/** True where the rule allows what is asked. */
export function ruleAllows(rule: PolicyRule, access: AccessRequest): boolean {
  if (!covers(rule.verbs, access.verb)) return false;
  if (access.kind === 'path') return (rule.nonResourceURLs ?? []).some((url) => urlCovers(url, access.path));
  if (!covers(rule.apiGroups ?? [], access.group)) return false;
  if (!resourceCovers(rule.resources ?? [], access.resource, access.subresource)) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || names.includes(access.name);
}

function covers(allowed: readonly string[], wanted: string): boolean {
  return allowed.includes('*') || allowed.includes(wanted);
}

function resourceCovers(allowed: readonly string[], resource: string, subresource: string): boolean {
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return (
    allowed.includes('*') ||
    allowed.includes(whole) ||
    (subresource !== '' && allowed.includes(`*/${subresource}`))
  );
}

function urlCovers(allowed: string, path: string): boolean {
  if (allowed === '*' || allowed === path) return true;
  return allowed.endsWith('*') && path.startsWith(allowed.slice(0, -1));
}
