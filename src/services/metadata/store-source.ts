export const storeMetadataSource = (_: unknown): unknown => null;
