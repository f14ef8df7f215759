export { xdsKindOf, xdsShortName, xdsTypes, type XdsKind } from './resource-type.ts';
