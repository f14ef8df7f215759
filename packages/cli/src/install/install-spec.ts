import { anyObject, choice, flag, list, map, message, text, whole, type ShapeOf } from '@lateen/config/shape';

const resources = message('Resources of a container.', {
  requests: map('What is set aside.', text('Quantity.')),
  limits: map('What it may use at most.', text('Quantity.')),
});

const k8sOverrides = message('Kubernetes settings of a component.', {
  replicaCount: whole('Number of pods.', 0, 1000),
  resources,
  env: list('Further environment variables.', anyObject('A variable.')),
  hpaSpec: message('Autoscaling.', {
    minReplicas: whole('Fewest pods.', 1, 1000),
    maxReplicas: whole('Most pods.', 1, 1000),
  }),
  service: message('The Service.', {
    type: choice('Its type.', ['ClusterIP', 'NodePort', 'LoadBalancer']),
    ports: list('Its ports.', anyObject('A port.')),
    loadBalancerIP: text('Address to ask for.'),
    loadBalancerSourceRanges: list('Clients that are let in.', text('CIDR block.')),
    externalTrafficPolicy: choice('Which nodes answer.', ['Cluster', 'Local']),
  }),
  serviceAnnotations: map('Annotations of the Service.', text('Value.')),
  podAnnotations: map('Annotations of the pods.', text('Value.')),
  nodeSelector: map('Labels of the nodes.', text('Value.')),
  tolerations: list('Taints that are tolerated.', anyObject('A toleration.')),
  affinity: anyObject('Affinity.'),
});

const component = message('A component.', { enabled: flag('Whether it is installed.'), k8s: k8sOverrides });

const gatewayComponent = message('A gateway.', {
  name: text('Its name.', { minLength: 1 }),
  enabled: flag('Whether it is installed.'),
  namespace: text('Its namespace; that of the control plane where left out.'),
  label: map('Further labels of its pods.', text('Value.')),
  k8s: k8sOverrides,
});

const gatewayValues = message('Values of a gateway.', {
  type: choice('Type of its Service.', ['ClusterIP', 'NodePort', 'LoadBalancer']),
  autoscaleEnabled: flag('Whether it scales by load.'),
  autoscaleMin: whole('Fewest pods.', 1, 1000),
  autoscaleMax: whole('Most pods.', 1, 1000),
  resources,
  serviceAnnotations: map('Annotations of its Service.', text('Value.')),
  podAnnotations: map('Annotations of its pods.', text('Value.')),
  nodeSelector: map('Labels of the nodes.', text('Value.')),
  ports: list('Ports of its Service.', anyObject('A port.')),
  labels: map('Further labels of its pods.', text('Value.')),
});

const values = message('Values of the charts.', {
  global: message('Values of all components.', {
    hub: text('Registry and path of the images.'),
    tag: text('Version of the images.'),
    variant: text('Kind of images.'),
    imagePullPolicy: choice('When images are fetched.', ['', 'Always', 'IfNotPresent', 'Never']),
    imagePullSecrets: list('Secrets with the credentials of the registry.', text('Name.')),
    istioNamespace: text('Namespace of the control plane.'),
    caAddress: text('Address of another CA.'),
    pilotCertProvider: choice('Who signs the control plane’s certificate.', ['istiod', 'kubernetes', 'none']),
    jwtPolicy: choice('Not used: tokens are always bound to their audience.', [
      'third-party-jwt',
      'first-party-jwt',
    ]),
    meshID: text('Name of the mesh.'),
    network: text('Network of the cluster.'),
    logAsJson: flag('Not used.'),
    logging: message('Log levels.', { level: text('As SCOPE:LEVEL,…') }),
    multiCluster: message('The cluster among others.', {
      enabled: flag('Not used.'),
      clusterName: text('Name of the cluster.'),
    }),
    defaultPodDisruptionBudget: message('Disruption budgets.', { enabled: flag('Whether there are any.') }),
    defaultResources: resources,
    proxy: message('The sidecars.', {
      image: text('Name of the image, or a whole reference.'),
      autoInject: choice('Whether pods that say nothing are injected.', ['enabled', 'disabled']),
      clusterDomain: text('Domain of the cluster’s names.'),
      componentLogLevel: text('Log levels of single components.'),
      logLevel: text('Log level.'),
      includeIPRanges: text('Destinations whose traffic is captured.'),
      excludeIPRanges: text('Destinations whose traffic is not captured.'),
      includeInboundPorts: text('Ports whose traffic is captured.'),
      excludeInboundPorts: text('Ports whose traffic is not captured.'),
      includeOutboundPorts: text('Destination ports whose traffic is captured.'),
      excludeOutboundPorts: text('Destination ports whose traffic is not captured.'),
      privileged: flag('Not used.'),
      resources,
      startupProbe: message('The startup probe.', { enabled: flag('Whether there is one.') }),
      holdApplicationUntilProxyStarts: flag('Whether applications wait for their sidecar.'),
      tracer: text('Not used: see meshConfig.'),
    }),
    proxy_init: message('The init container.', { image: text('Not used: the image of the sidecars.') }),
  }),
  pilot: message('The control plane.', {
    enabled: flag('Whether it is installed.'),
    image: text('Name of the image, or a whole reference.'),
    hub: text('Registry and path of the image.'),
    tag: text('Version of the image.'),
    autoscaleEnabled: flag('Whether it scales by load.'),
    autoscaleMin: whole('Fewest pods.', 1, 1000),
    autoscaleMax: whole('Most pods.', 1, 1000),
    replicaCount: whole('Number of pods.', 0, 1000),
    resources,
    traceSampling: whole('Share of the requests that are traced, in percent.', 0, 100),
    env: map('Further environment variables.', text('Value.')),
    nodeSelector: map('Labels of the nodes.', text('Value.')),
    podAnnotations: map('Annotations of the pods.', text('Value.')),
    cni: message('Redirection by the node.', { enabled: flag('Whether the node does it.') }),
  }),
  sidecarInjectorWebhook: message('Injection.', {
    enableNamespacesByDefault: flag('Whether namespaces without a label are injected.'),
    neverInjectSelector: list('Pods that are never injected.', anyObject('A label selector.')),
    alwaysInjectSelector: list('Pods that are always injected.', anyObject('A label selector.')),
    injectedAnnotations: map('Annotations of injected pods.', text('Value.')),
    rewriteAppHTTPProbe: flag('Whether probes go through the sidecar.'),
  }),
  gateways: message('The gateways.', {
    'istio-ingressgateway': gatewayValues,
    'istio-egressgateway': gatewayValues,
  }),
  meshConfig: anyObject('Settings of the mesh.'),
  revision: text('Revision of the control plane.'),
});

/** `spec` of an IstioOperator: what to install. */
export const installSpec = message('What to install.', {
  profile: choice('What to start from.', ['default', 'demo', 'minimal', 'empty']),
  hub: text('Registry and path of the images.'),
  tag: text('Version of the images.'),
  namespace: text('Namespace of the control plane.'),
  revision: text('Revision of the control plane.'),
  meshConfig: anyObject('Settings of the mesh.'),
  components: message('Components.', {
    base: component,
    pilot: component,
    cni: component,
    ingressGateways: list('Gateways into the mesh.', gatewayComponent),
    egressGateways: list('Gateways out of the mesh.', gatewayComponent),
  }),
  values,
});

export type InstallSpec = ShapeOf<typeof installSpec>;
export type ComponentSpec = ShapeOf<typeof component>;
export type GatewayComponentSpec = ShapeOf<typeof gatewayComponent>;
export type KubernetesOverrides = ShapeOf<typeof k8sOverrides>;
export type InstallValues = ShapeOf<typeof values>;

/** The keywords of {@link installSpec}, for checks and for setting single fields. */
export const installShape = installSpec;
