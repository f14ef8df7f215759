/** Field types that the models do not tell: quantities are plain strings in them. */
export const fieldTypes: Readonly<Record<string, string>> = {
  'V1ContainerStatus.allocatedResources': '{q',
  'V1EmptyDirVolumeSource.sizeLimit': 'q',
  'V1NodeStatus.allocatable': '{q',
  'V1NodeStatus.capacity': '{q',
  'V1PodSpec.overhead': '{q',
  'V1PodStatus.allocatedResources': '{q',
  'V1ResourceFieldSelector.divisor': 'q',
  'V1ResourceRequirements.limits': '{q',
  'V1ResourceRequirements.requests': '{q',
  'V1VolumeResourceRequirements.limits': '{q',
  'V1VolumeResourceRequirements.requests': '{q',
  'V1PersistentVolumeClaimStatus.capacity': '{q',
  'V2MetricTarget.averageValue': 'q',
  'V2MetricTarget.value': 'q',
  'V2MetricValueStatus.averageValue': 'q',
  'V2MetricValueStatus.value': 'q',
};
