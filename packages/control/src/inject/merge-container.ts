import type { Container } from '@lateen/kube';

/**
 * The generated sidecar with what the pod says about a container of its name laid over it.
 *
 * Lists are merged by the key that identifies their elements, as a strategic merge does. The image `auto`
 * stands for the generated one.
 */
export function mergeContainer(generated: Container, own: Container): Container {
  const { image, args, env, volumeMounts, ports, securityContext, ...rest } = own;
  return {
    ...generated,
    ...rest,
    ...(image === undefined || image === 'auto' ? {} : { image }),
    ...(args === undefined ? {} : { args }),
    env: mergeByKey(generated.env ?? [], env ?? [], 'name'),
    volumeMounts: mergeByKey(generated.volumeMounts ?? [], volumeMounts ?? [], 'mountPath'),
    ports: mergeByKey(generated.ports ?? [], ports ?? [], 'containerPort'),
    securityContext: { ...generated.securityContext, ...securityContext },
  };
}

function mergeByKey<T>(below: readonly T[], above: readonly T[], key: keyof T): T[] {
  const changed = new Map(above.map((element) => [element[key], element]));
  const merged = below.map((element) => {
    const over = changed.get(element[key]);
    changed.delete(element[key]);
    return over === undefined ? element : { ...element, ...over };
  });
  return [...merged, ...changed.values()];
}
