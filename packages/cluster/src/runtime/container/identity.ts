import { LateenError } from '@lateen/core';
import type { Container, Pod } from '@lateen/kube';
import type { Tools } from '../../linux/tools.ts';

/** Who a process is and what it may do. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly supplementalGroups: readonly number[];
  /** Names without `CAP_`, in lower case: the most that the process and its children can ever have. */
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
}

/** What container engines leave to root by default. */
const defaultCapabilities = [
  'audit_write',
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'mknod',
  'net_bind_service',
  'net_raw',
  'setfcap',
  'setgid',
  'setpcap',
  'setuid',
  'sys_chroot',
];

/** Ids beyond this do not exist in a user namespace of subordinate ids. */
const highestId = 65_535;

function capabilityName(name: string): string {
  return name.toLowerCase().replace(/^cap_/, '');
}

function capabilitiesOf(container: Container): readonly string[] {
  const { add = [], drop = [] } = container.securityContext?.capabilities ?? {};
  const dropped = new Set(drop.map(capabilityName));
  const kept = dropped.has('all') ? [] : defaultCapabilities.filter((name) => !dropped.has(name));
  return [...new Set([...kept, ...add.map(capabilityName)])].sort();
}

/**
 * The identity that a container's security context asks for, over its pod's and its image's.
 * Throws a LateenError `CreateContainerConfigError` where that is forbidden or impossible.
 */
export function containerIdentity(pod: Pod, container: Container, imageUid: number): Identity {
  const own = container.securityContext ?? {};
  const shared = pod.spec.securityContext ?? {};
  const uid = own.runAsUser ?? shared.runAsUser ?? imageUid;
  const gid = own.runAsGroup ?? shared.runAsGroup ?? ((own.runAsUser ?? shared.runAsUser) ? 0 : imageUid);
  if ((own.runAsNonRoot ?? shared.runAsNonRoot) === true && uid === 0) {
    throw new LateenError(
      'CreateContainerConfigError',
      'container has runAsNonRoot and image will run as root',
    );
  }
  const groups = [...(shared.supplementalGroups ?? [])];
  if (shared.fsGroup !== undefined) groups.push(shared.fsGroup);
  for (const id of [uid, gid, ...groups]) {
    if (id <= highestId) continue;
    throw new LateenError(
      'CreateContainerConfigError',
      `the id ${id} is too high: 0 to ${highestId} exist here`,
    );
  }
  const privileged = own.privileged === true;
  return {
    uid,
    gid,
    supplementalGroups: [...new Set(groups)],
    capabilities: privileged ? ['all'] : capabilitiesOf(container),
    noNewPrivileges: own.allowPrivilegeEscalation === false && !privileged,
  };
}

/** The command line that turns root into somebody else and starts the program. */
export function identityCommand(tools: Tools, identity: Identity): string[] {
  const { capabilities } = identity;
  const groups = identity.supplementalGroups.join(',');
  const bounding = capabilities.includes('all')
    ? []
    : [`--bounding-set=${['-all', ...capabilities.map((name) => `+${name}`)].join(',')}`];
  return [
    tools.setpriv,
    `--reuid=${identity.uid}`,
    `--regid=${identity.gid}`,
    groups === '' ? '--clear-groups' : `--groups=${groups}`,
    ...bounding,
    '--inh-caps=-all',
    ...(identity.noNewPrivileges ? ['--no-new-privs'] : []),
  ];
}

const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Names that a shell would drop from the environment are set by `env`, after the last shell. */
export function environmentCommand(tools: Tools, env: Readonly<Record<string, string>>): string[] {
  const odd = Object.entries(env).filter(([name]) => !shellName.test(name));
  return odd.length === 0 ? [] : [tools.env, ...odd.map(([name, value]) => `${name}=${value}`)];
}
