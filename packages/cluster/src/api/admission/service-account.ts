import type { Clock } from '@lateen/core';
import { cloneJson, type JsonObject, type KubeObject } from '@lateen/kube';
import { allContainers } from '../builtin/pod-defaults.ts';
import { filledObject, objectsIn, textIn } from '../builtin/default-fields.ts';
import { generatedName } from '../registry/object-meta.ts';
import type { ObjectStore } from '../registry/object-store.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import type { TypeRegistry } from '../registry/type-registry.ts';
import { forbidden } from '../status.ts';
import type { AdmissionPlugin } from './admission.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
/** As Kubernetes: an hour and seven seconds, by which its own tokens are known. */
const tokenLifeSeconds = 3607;
/** How long a pod waits for the default account of a namespace that was made a moment ago. */
const waitMs = 1000;

/** Gives each pod its service account and the token by which it speaks with the API. */
export function serviceAccountAdmission(
  objects: ObjectStore,
  types: TypeRegistry,
  clock: Clock,
): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    async mutate({ operation, type, object, subresource }) {
      if (operation !== 'CREATE' || type.plural !== 'pods' || type.group !== '' || subresource !== '') return;
      const accounts = types.findPlural('', 'serviceaccounts');
      if (object === undefined || accounts === undefined) return;
      const spec = filledObject(object, 'spec');
      const name = textIn(spec, 'serviceAccountName') || 'default';
      spec['serviceAccountName'] = name;
      spec['serviceAccount'] = name;
      const namespace = object.metadata.namespace ?? '';
      const account = await findAccount(objects, accounts, clock, namespace, name);
      if (account === undefined) {
        const why = `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`;
        throw forbidden(type, object.metadata.name, why);
      }
      if (
        objectsIn(spec, 'imagePullSecrets').length === 0 &&
        objectsIn(account, 'imagePullSecrets').length > 0
      ) {
        spec['imagePullSecrets'] = cloneJson(account['imagePullSecrets']);
      }
      const wish = spec['automountServiceAccountToken'] ?? account['automountServiceAccountToken'];
      if (wish !== false) mountToken(spec);
    },
  };
}

async function findAccount(
  objects: ObjectStore,
  accounts: ResourceType,
  clock: Clock,
  namespace: string,
  name: string,
): Promise<KubeObject | undefined> {
  const revision = objects.revision();
  const found = await objects.get(accounts, namespace, name);
  if (found !== undefined || name !== 'default') return found?.object;
  return new Promise((resolve) => {
    const finish = (object: KubeObject | undefined): void => {
      stop();
      timer.cancel();
      resolve(object);
    };
    const timer = clock.after(waitMs, () => finish(undefined));
    const stop = objects.watch(accounts, namespace, revision, (events) => {
      const made = events.find((event) => event.type !== 'DELETED' && event.object.metadata.name === name);
      if (made !== undefined) finish(made.object);
    });
  });
}

function mountToken(spec: JsonObject): void {
  const volumes = objectsIn(spec, 'volumes');
  let volume = textIn(
    volumes.find((one) => textIn(one, 'name').startsWith(volumePrefix)),
    'name',
  );
  let mounted = false;
  const named = volume === '' ? generatedName(volumePrefix) : volume;
  for (const container of allContainers(spec)) {
    const mounts = objectsIn(container, 'volumeMounts');
    if (mounts.some((mount) => mount['mountPath'] === mountPath)) continue;
    container['volumeMounts'] = [...mounts, { name: named, readOnly: true, mountPath }];
    mounted = true;
  }
  if (!mounted || volume !== '') return;
  volume = named;
  const sources = [
    { serviceAccountToken: { expirationSeconds: tokenLifeSeconds, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
      },
    },
  ];
  spec['volumes'] = [...volumes, { name: volume, projected: { defaultMode: 0o644, sources } }];
}
