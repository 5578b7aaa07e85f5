import { type Ref, ref } from 'vue';
import type { Failed } from './command';

/** Where the server found fault: `errors.name` marks the input called `name`. */
export function useFieldErrors(): {
  errors: Ref<Record<string, string>>;
  clear(): void;
  /** For `Commands.run`: marks the field when the server named one of `fields`, else the error is said. */
  mark(fields: readonly string[]): Failed;
} {
  const errors = ref<Record<string, string>>({});
  return {
    errors,
    clear: () => {
      errors.value = {};
    },
    mark: (fields) => (error) => {
      // `award.fen` is about the input of `award`.
      const field = error.field?.split(/[.[]/)[0];
      if (field === undefined || !fields.includes(field)) return false;
      errors.value = { [field]: error.detail };
      return true;
    },
  };
}
