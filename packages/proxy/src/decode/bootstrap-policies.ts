import * as bootstrap from '@lateen/protocol/envoy/config/bootstrap/v3';
import { fieldPolicy } from './field-policy.ts';

const systemDns = 'names are resolved by the system';

/** The bootstrap itself. */
export const bootstrapPolicy = fieldPolicy(
  bootstrap.Bootstrap,
  [
    'node',
    'statsConfig',
    'statsSinks',
    'statsFlushInterval',
    'statsFlushOnAdmin',
    'staticResources',
    'dynamicResources',
    'admin',
    'clusterManager',
    'layeredRuntime',
    'overloadManager',
  ],
  {
    nodeContextParams: 'resource names are taken as they are',
    flagsPath: 'there is no file of flags',
    deferredStatOptions: 'statistics are made when they are first used',
    watchdog: 'the process that runs the proxy watches it',
    watchdogs: 'the process that runs the proxy watches it',
    tracing: 'the tracing of each connection manager holds',
    enableDispatcherStats: 'adds statistics only',
    statsServerVersionOverride: 'adds statistics only',
    useTcpForDnsLookups: systemDns,
    dnsResolutionConfig: systemDns,
    typedDnsResolverConfig: systemDns,
    bootstrapExtensions: 'extensions of the process are not loaded',
    fatalActions: 'the log says why a process ends',
    defaultSocketInterface: "the system's sockets are used",
    perfTracingFilePath: 'not written',
    defaultRegexEngine: 'every expression is RE2, in linear time',
    xdsConfigTrackerExtension: 'not loaded',
    listenerManager: 'there is one',
    applicationLogConfig: 'log lines have one form',
    grpcAsyncClientManagerConfig: 'adds nothing here',
    memoryAllocatorManager: 'memory is managed by the runtime',
    inlineHeaders: 'header names are looked up in one table',
  },
);

export const adminPolicy = fieldPolicy(bootstrap.Admin, ['address', 'profilePath'], {
  accessLog: 'requests to the admin port are not logged',
  accessLogPath: 'requests to the admin port are not logged',
  socketOptions: "the admin port's socket has the system's options",
  ignoreGlobalConnLimit: 'connections to the admin port are in no limit',
});

export const clusterManagerPolicy = fieldPolicy(bootstrap.ClusterManager, ['localClusterName'], {
  outlierDetection: 'ejections are counted, not logged',
  loadStatsConfig: 'load reports are not sent',
  enableDeferredClusterCreation: 'a cluster costs little until it is used',
});

export const staticResourcesPolicy = fieldPolicy(bootstrap.Bootstrap_StaticResources, [
  'listeners',
  'clusters',
  'secrets',
]);

export const dynamicResourcesPolicy = fieldPolicy(bootstrap.Bootstrap_DynamicResources, [
  'ldsConfig',
  'cdsConfig',
  'adsConfig',
]);

export const bootstrapPolicies = [
  bootstrapPolicy,
  adminPolicy,
  clusterManagerPolicy,
  staticResourcesPolicy,
  dynamicResourcesPolicy,
];
