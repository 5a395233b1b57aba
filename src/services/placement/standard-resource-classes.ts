export { standardResourceClasses } from '../../domain/resource-classes.ts';
