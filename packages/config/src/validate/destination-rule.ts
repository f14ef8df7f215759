import type { DestinationRule } from '../kinds/config-object.ts';
import type { Report } from '../schema/check-shape.ts';
import { checkExportTo, checkLabels, checkUnique, checkWildcardHost, isLabel } from './names.ts';
import { checkTrafficPolicy } from './traffic-policy.ts';

/** Reports what is wrong with a DestinationRule, by Istio's rules. */
export function checkDestinationRule({ spec }: DestinationRule, report: Report): void {
  checkWildcardHost(spec.host, 'spec.host', report);
  checkTrafficPolicy(spec.trafficPolicy, 'spec.trafficPolicy', report);
  const subsets = spec.subsets ?? [];
  for (const [index, subset] of subsets.entries()) {
    const path = `spec.subsets[${index}]`;
    if (!isLabel(subset.name)) {
      report(`${path}.name`, `must be lower-case letters, digits and dashes, not "${subset.name}"`);
    }
    checkLabels(subset.labels, `${path}.labels`, report);
    checkTrafficPolicy(subset.trafficPolicy, `${path}.trafficPolicy`, report);
  }
  checkUnique(
    subsets.map(({ name }, index) => ({ value: name, path: `spec.subsets[${index}].name` })),
    'subset',
    report,
  );
  checkLabels(spec.workloadSelector?.matchLabels, 'spec.workloadSelector.matchLabels', report);
  checkExportTo(spec.exportTo, report);
}
