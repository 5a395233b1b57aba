import { weightedNames } from '../weighted-names.ts';
import type { HostWeigher } from './weigher.ts';

/** Prefers hosts with servers whose images have the same properties. */
export const imagePropertiesWeigher: HostWeigher = {
  name: 'ImagePropertiesWeigher',
  multiplier: ({ filter_scheduler }) => filter_scheduler.image_props_weight_multiplier,
  aggregateKey: 'image_props_weight_multiplier',
  concerns: ({ spec }) => Object.keys(spec.image?.properties ?? {}).length > 0,
  weigh({ host }, { spec, settings, imagePropertiesOn }) {
    const { image_props_weight_setting: setting } = settings.filter_scheduler;
    const factors = weightedNames(setting);
    const there = imagePropertiesOn(host);
    return Object.entries(spec.image?.properties ?? {}).reduce((sum, [property, value]) => {
      const factor = setting.length === 0 ? 1 : (factors.get(property) ?? 0);
      return sum + factor * (there.get(`${property}=${value}`) ?? 0);
    }, 0);
  },
};
