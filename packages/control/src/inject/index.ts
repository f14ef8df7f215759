export { decideInjection, isInjected, type InjectionDecision } from './decision.ts';
export { injectManifest, type InjectedManifest } from './inject-manifest.ts';
export { injectPod, type InjectablePod, type InjectionMeta } from './inject-pod.ts';
export { readInjectorConfig, renderInjectorConfig, type InjectorConfig } from './injector-config.ts';
export { defaultInjectionValues, proxyImage, type InjectionValues } from './injection-values.ts';
export { sidecarMounts } from './sidecar-container.ts';
export { sidecarVolumes } from './sidecar-volumes.ts';
