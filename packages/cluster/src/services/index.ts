export { startPublisher, type Publisher, type PublisherOptions } from './publish.ts';
export { startServiceNetwork, type ServiceNetwork, type ServiceNetworkOptions } from './service-network.ts';
export { startSystemServices, type SystemAddress, type SystemServicesOptions } from './system-services.ts';
