import { StatNumbers, type NumberVisitor } from './stat-numbers.ts';

const outlierNames = {
  enforcedTotal: ['outlier_detection.ejections_enforced_total', 'counter'],
  active: ['outlier_detection.ejections_active', 'gauge'],
  overflow: ['outlier_detection.ejections_overflow', 'counter'],
  ejectable: ['outlier_detection.ejections_total', 'counter'],
  detectedDegradation: ['outlier_detection.ejections_detected_degradation', 'counter'],
  detectedConsecutive5xx: ['outlier_detection.ejections_detected_consecutive_5xx', 'counter'],
  enforcedConsecutive5xx: ['outlier_detection.ejections_enforced_consecutive_5xx', 'counter'],
  detectedGatewayFailure: ['outlier_detection.ejections_detected_consecutive_gateway_failure', 'counter'],
  enforcedGatewayFailure: ['outlier_detection.ejections_enforced_consecutive_gateway_failure', 'counter'],
  detectedLocalOrigin: ['outlier_detection.ejections_detected_consecutive_local_origin_failure', 'counter'],
  enforcedLocalOrigin: ['outlier_detection.ejections_enforced_consecutive_local_origin_failure', 'counter'],
  detectedSuccessRate: ['outlier_detection.ejections_detected_success_rate', 'counter'],
  enforcedSuccessRate: ['outlier_detection.ejections_enforced_success_rate', 'counter'],
  detectedLocalSuccessRate: ['outlier_detection.ejections_detected_local_origin_success_rate', 'counter'],
  enforcedLocalSuccessRate: ['outlier_detection.ejections_enforced_local_origin_success_rate', 'counter'],
  detectedFailurePercentage: ['outlier_detection.ejections_detected_failure_percentage', 'counter'],
  enforcedFailurePercentage: ['outlier_detection.ejections_enforced_failure_percentage', 'counter'],
  detectedLocalFailurePercentage: [
    'outlier_detection.ejections_detected_local_origin_failure_percentage',
    'counter',
  ],
  enforcedLocalFailurePercentage: [
    'outlier_detection.ejections_enforced_local_origin_failure_percentage',
    'counter',
  ],
} as const;

const healthCheckNames = {
  attempt: ['health_check.attempt', 'counter'],
  success: ['health_check.success', 'counter'],
  failure: ['health_check.failure', 'counter'],
  passiveFailure: ['health_check.passive_failure', 'counter'],
  networkFailure: ['health_check.network_failure', 'counter'],
  verifyCluster: ['health_check.verify_cluster', 'counter'],
  healthy: ['health_check.healthy', 'gauge'],
  degraded: ['health_check.degraded', 'gauge'],
} as const;

const subsetNames = {
  active: ['lb_subsets_active', 'gauge'],
  created: ['lb_subsets_created', 'counter'],
  removed: ['lb_subsets_removed', 'counter'],
  singleHostDuplicate: ['lb_subsets_single_host_per_subset_duplicate', 'gauge'],
  selected: ['lb_subsets_selected', 'counter'],
  fallback: ['lb_subsets_fallback', 'counter'],
  fallbackPanic: ['lb_subsets_fallback_panic', 'counter'],
} as const;

const zoneNames = {
  recalculated: ['lb_recalculate_zone_structures', 'counter'],
  clusterTooSmall: ['lb_zone_cluster_too_small', 'counter'],
  localClusterNotOk: ['lb_local_cluster_not_ok', 'counter'],
  allDirectly: ['lb_zone_routing_all_directly', 'counter'],
  sampled: ['lb_zone_routing_sampled', 'counter'],
  crossZone: ['lb_zone_routing_cross_zone', 'counter'],
  noCapacityLeft: ['lb_zone_no_capacity_left', 'counter'],
} as const;

const lookupNames = {
  attempt: ['update_attempt', 'counter'],
  success: ['update_success', 'counter'],
  failure: ['update_failure', 'counter'],
} as const;

/** Of clusters that find out by themselves who their hosts are. */
export class LookupStats extends StatNumbers<typeof lookupNames> {
  constructor() {
    super(lookupNames);
  }
}

/** What Envoy counts under an earlier name besides. */
const earlierNames = {
  detectedConsecutive5xx: 'outlier_detection.ejections_consecutive_5xx',
  detectedSuccessRate: 'outlier_detection.ejections_success_rate',
} as const;

/** Of clusters that look for outliers. */
export class OutlierStats extends StatNumbers<typeof outlierNames> {
  constructor() {
    super(outlierNames);
  }

  override visit(number: NumberVisitor): void {
    super.visit(number);
    for (const [field, name] of Object.entries(earlierNames))
      number(name, 'counter', this.n[field as keyof typeof earlierNames]);
  }
}

/** Of clusters that check the health of their hosts. */
export class HealthCheckStats extends StatNumbers<typeof healthCheckNames> {
  constructor() {
    super(healthCheckNames);
  }
}

/** Of clusters whose hosts are chosen by metadata. */
export class SubsetStats extends StatNumbers<typeof subsetNames> {
  constructor() {
    super(subsetNames);
  }
}

/** Of clusters whose requests stay in their zone. */
export class ZoneStats extends StatNumbers<typeof zoneNames> {
  constructor() {
    super(zoneNames);
  }
}
