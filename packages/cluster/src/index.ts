export {
  addressBlock,
  launchCluster,
  preflight,
  runningCluster,
  type AddressBlock,
  type Check,
  type ClusterExit,
  type ClusterFacts,
  type ClusterHandle,
  type LaunchOptions,
  type Progress,
} from './host/index.ts';
export { decodeImageMap, type ImageMap, type MappedImage } from './images/image-map.ts';
