import type { Preset } from './preset.ts';

export const klogPreset: Preset = {
  about: 'klog and glog, what the components of Kubernetes write.',
  steps: [{ parse: 'klog' }],
};
