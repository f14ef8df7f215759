import {
  parseProxySettings,
  problemList,
  type MeshConfig,
  type ProxySettings,
  type Report,
} from '@lateen/config';
import { ok, problems as failed, type Result } from '@lateen/core';
import type { Container, ObjectMeta, PodSpec, Volume } from '@lateen/kube';
import { rewriteProbes } from './app-probes.ts';
import { initContainer } from './init-container.ts';
import type { InjectionValues } from './injection-values.ts';
import { readInterception } from './interception.ts';
import { mergeContainer } from './merge-container.ts';
import { sidecarContainer } from './sidecar-container.ts';
import { sidecarVolumes } from './sidecar-volumes.ts';
import { canonicalName, canonicalRevision, workloadOf, type WorkloadIdentity } from './workload.ts';

/** Where the pod stands. */
export interface InjectionMeta {
  readonly namespace: string;
  /** The workload, where the pod does not tell, as in a template of a manifest. */
  readonly workload?: WorkloadIdentity;
}

/** A pod or a template of pods. */
export interface InjectablePod {
  metadata?: Partial<ObjectMeta>;
  spec: PodSpec;
  [field: string]: unknown;
}

type Annotations = Record<string, string>;

/**
 * Adds the sidecar to a pod: containers, volumes, labels and annotations as Istio's template has them.
 *
 * A pure function of its arguments. Whether to inject at all is {@link decideInjection}'s question. Problems
 * name the annotations that cannot be read.
 */
export function injectPod<P extends InjectablePod>(
  pod: P,
  meta: InjectionMeta,
  meshConfig: MeshConfig,
  values: InjectionValues,
): Result<P> {
  const { problems, report } = problemList();
  const metadata = pod.metadata ?? {};
  const annotations = metadata.annotations ?? {};
  const labels = metadata.labels ?? {};
  const workload = meta.workload ?? workloadOf(metadata);
  const proxySettings = readProxySettings(annotations, meshConfig, values, report);
  const statusPort = proxySettings.statusPort ?? 15020;
  const interception = readInterception(
    annotations,
    values,
    proxySettings.interceptionMode ?? 'REDIRECT',
    report,
  );
  const rewrites =
    (annotations['sidecar.istio.io/rewriteAppHTTPProbers'] ?? String(values.rewriteAppHttpProbe)) === 'true';
  const { containers, probers } = rewrites
    ? rewriteProbes(pod.spec.containers, statusPort)
    : { containers: [...pod.spec.containers], probers: {} };
  const native = readFlag(annotations, 'sidecar.istio.io/nativeSidecar', values.nativeSidecars, report);
  const resources = readResources(annotations, values);
  const agentLogLevel = annotations['sidecar.istio.io/agentLogLevel'] ?? values.agentLogLevel;
  const scraped = prometheusOf(annotations, meshConfig, statusPort);

  const generated = sidecarContainer({
    pod: { metadata: metadata as ObjectMeta, spec: pod.spec },
    namespace: meta.namespace,
    workload,
    values: imageFor(annotations, values),
    interception,
    proxySettings,
    probers,
    trustDomain: meshConfig.trustDomain ?? 'cluster.local',
    native,
    logLevel: annotations['sidecar.istio.io/logLevel'] ?? values.logLevel,
    componentLogLevel: annotations['sidecar.istio.io/componentLogLevel'] ?? values.componentLogLevel,
    agentLogLevel,
    resources,
    prometheus: scraped,
  });
  if (problems.length > 0) return failed(problems);

  const isSidecar = (container: Container): boolean => container.name === 'istio-proxy';
  const own = containers.find(isSidecar) ?? (pod.spec.initContainers ?? []).find(isSidecar);
  const sidecar = own === undefined ? generated : mergeContainer(generated, own);
  const applications = containers.filter((container) => !isSidecar(container));
  const initContainers = (pod.spec.initContainers ?? []).filter((container) => !isSidecar(container));
  const redirects = !values.cni && interception.mode !== 'NONE';
  const init = redirects
    ? [initContainer(imageFor(annotations, values), interception, statusPort, agentLogLevel, resources)]
    : [];
  const volumes = sidecarVolumes();
  const spec: PodSpec = {
    ...pod.spec,
    // A native sidecar serves the pod's own init containers too, so it comes first with its redirection.
    // Otherwise redirection comes last: before the sidecar runs it would cut the init containers off.
    initContainers: native ? [...init, sidecar, ...initContainers] : [...initContainers, ...init],
    containers: native
      ? applications
      : proxySettings.holdApplicationUntilProxyStarts === true
        ? [sidecar, ...applications]
        : [...applications, sidecar],
    volumes: mergeVolumes(pod.spec.volumes ?? [], volumes),
  };
  if (spec.initContainers?.length === 0) delete spec.initContainers;
  if (values.imagePullSecrets.length > 0) {
    const present = Array.isArray(spec['imagePullSecrets']) ? spec['imagePullSecrets'] : [];
    spec['imagePullSecrets'] = [...present, ...values.imagePullSecrets.map((name) => ({ name }))];
  }
  const firstApplication = applications[0]?.name;
  return ok({
    ...pod,
    metadata: {
      ...metadata,
      labels: {
        ...labels,
        'security.istio.io/tlsMode': labels['security.istio.io/tlsMode'] ?? 'istio',
        'service.istio.io/canonical-name': canonicalName(labels, workload.name),
        'service.istio.io/canonical-revision': canonicalRevision(labels),
      },
      annotations: {
        ...annotations,
        ...values.injectedAnnotations,
        'istio.io/rev': values.revision,
        ...defaultContainer(annotations, firstApplication),
        ...(scraped === undefined
          ? {}
          : {
              'prometheus.io/path': '/stats/prometheus',
              'prometheus.io/port': String(statusPort),
              'prometheus.io/scrape': 'true',
            }),
        'sidecar.istio.io/status': JSON.stringify({
          initContainers: [...init, ...(native ? [sidecar] : [])].map(({ name }) => name),
          containers: native ? null : [sidecar.name],
          volumes: volumes.map(({ name }) => name),
          imagePullSecrets: values.imagePullSecrets.length === 0 ? null : values.imagePullSecrets,
          revision: values.revision,
        }),
      },
    },
    spec,
  });
}

function defaultContainer(annotations: Annotations, application: string | undefined): Annotations {
  if (application === undefined) return {};
  const added: Annotations = {};
  for (const key of [
    'kubectl.kubernetes.io/default-container',
    'kubectl.kubernetes.io/default-logs-container',
  ]) {
    if (annotations[key] === undefined) added[key] = application;
  }
  return added;
}

function readProxySettings(
  annotations: Annotations,
  meshConfig: MeshConfig,
  values: InjectionValues,
  report: Report,
): ProxySettings {
  const key = 'proxy.istio.io/config';
  const own = annotations[key] === undefined ? undefined : parseProxySettings(annotations[key]);
  if (own !== undefined && !own.ok) {
    for (const { path, message } of own.problems) {
      report(`metadata.annotations["${key}"]`, path === '' ? message : `${path}: ${message}`);
    }
  }
  const { defaultConfig = {} } = meshConfig;
  const said = own?.ok === true ? own.value : {};
  const proxyMetadata = { ...defaultConfig.proxyMetadata, ...said.proxyMetadata };
  const merged: ProxySettings = {
    ...defaultConfig,
    ...said,
    ...(Object.keys(proxyMetadata).length === 0 ? {} : { proxyMetadata }),
  };
  const concurrency = annotations['sidecar.istio.io/proxyConcurrency'];
  const withConcurrency =
    concurrency === undefined ? merged : { ...merged, concurrency: Number(concurrency) };
  const statusPort = annotations['status.sidecar.istio.io/port'];
  if (statusPort === undefined) return withRevision(withConcurrency, values);
  if (!/^\d{1,5}$/.test(statusPort)) {
    report(
      'metadata.annotations["status.sidecar.istio.io/port"]',
      `must be a port number, not "${statusPort}"`,
    );
    return withConcurrency;
  }
  return withRevision({ ...withConcurrency, statusPort: Number(statusPort) }, values);
}

/** Revisions other than the default one have a Service of their own. */
function withRevision(settings: ProxySettings, values: InjectionValues): ProxySettings {
  if (settings.discoveryAddress !== undefined || values.revision === 'default' || values.revision === '') {
    return settings;
  }
  return { ...settings, discoveryAddress: `istiod-${values.revision}.${values.istioNamespace}.svc:15012` };
}

function readFlag(annotations: Annotations, key: string, absent: boolean, report: Report): boolean {
  const value = annotations[key];
  if (value === undefined) return absent;
  if (value === 'true' || value === 'false') return value === 'true';
  report(`metadata.annotations["${key}"]`, `must be "true" or "false", not "${value}"`);
  return absent;
}

/** The image that the pod asks for instead. */
function imageFor(annotations: Annotations, values: InjectionValues): InjectionValues {
  const image = annotations['sidecar.istio.io/proxyImage'];
  return image === undefined ? values : { ...values, image };
}

/** Istio's rule: once an annotation names any resource, only what annotations name holds. */
function readResources(annotations: Annotations, values: InjectionValues): Container['resources'] {
  const name = (suffix: string): string | undefined => annotations[`sidecar.istio.io/${suffix}`];
  const requests = pick({ cpu: name('proxyCPU'), memory: name('proxyMemory') });
  const limits = pick({ cpu: name('proxyCPULimit'), memory: name('proxyMemoryLimit') });
  if (requests === undefined && limits === undefined) return values.resources;
  return { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) };
}

function pick(values: Record<string, string | undefined>): Record<string, string> | undefined {
  const set = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return set.length === 0 ? undefined : Object.fromEntries(set);
}

/** The application's own scrape settings, which the agent takes over; undefined where metrics are not merged. */
function prometheusOf(
  annotations: Annotations,
  meshConfig: MeshConfig,
  statusPort: number,
): { scrape: string; path: string; port: string } | undefined {
  const merge =
    annotations['prometheus.istio.io/merge-metrics'] ?? String(meshConfig.enablePrometheusMerge ?? true);
  if (merge !== 'true') return undefined;
  const port = annotations['prometheus.io/port'] ?? '';
  return {
    scrape: port === String(statusPort) ? '' : (annotations['prometheus.io/scrape'] ?? ''),
    path: annotations['prometheus.io/path'] ?? '',
    port: port === String(statusPort) ? '' : port,
  };
}

/** The pod's volumes and the sidecar's; one of the pod's own with the same name stays. */
function mergeVolumes(present: readonly Volume[], added: readonly Volume[]): Volume[] {
  const names = new Set(present.map(({ name }) => name));
  return [...added.filter(({ name }) => !names.has(name)), ...present];
}
