/** Istio's standard metrics by their names in configuration: without the prefix `istio_`. */
export const istioMetricNames = [
  'requests_total',
  'request_duration_milliseconds',
  'request_bytes',
  'response_bytes',
  'request_messages_total',
  'response_messages_total',
  'tcp_connections_opened_total',
  'tcp_connections_closed_total',
  'tcp_sent_bytes_total',
  'tcp_received_bytes_total',
] as const;

export type IstioMetricName = (typeof istioMetricNames)[number];

/** What is changed of one metric. */
export interface MetricOverride {
  /** The metric is not shown. */
  readonly dropped: boolean;
  /** Labels that the metric is added up over. */
  readonly removedTags: readonly string[];
  /** Labels whose value is that of an expression of CEL; `unknown` where it has none. */
  readonly dimensions: readonly (readonly [label: string, expression: string])[];
}

/** How `istio.stats` counts. */
export interface IstioStatsOptions {
  /** The host that was asked for stands for a service of which the control plane has said nothing. */
  readonly hostHeaderFallback: boolean;
  /** How often the bytes of a connection that lasts are added, milliseconds; 0: at its end only. */
  readonly reportIntervalMs: number;
  readonly overrides: Readonly<Partial<Record<IstioMetricName, MetricOverride>>>;
}

/** Istio's defaults. */
export const defaultIstioStats: IstioStatsOptions = {
  hostHeaderFallback: true,
  reportIntervalMs: 5_000,
  overrides: {},
};

/** The filter of Istio's standard metrics, of a connection manager or a chain. */
export interface IstioStatsFilter {
  readonly kind: 'istio_stats';
  readonly reporter: 'client' | 'server' | 'gateway';
  /** Default: {@link defaultIstioStats}. */
  readonly options?: IstioStatsOptions;
}
