import type { components } from './api';

/** Types of the API by name: `Wire['DrawView']`. Generated; run `npm run wire` after the document changed. */
export type Wire = components['schemas'];
