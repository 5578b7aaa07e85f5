import type { Wire } from '../../wire';

type Person = Wire['PersonView'];

/** What a photo's file is named by: all before the last dot, without a folder. */
export function stem(file: string): string {
  return file
    .replace(/^.*[/\\]/, '')
    .replace(/\.[^.]*$/, '')
    .trim();
}

const same = (a: string, b: string): boolean => a.trim().toLowerCase() === b.trim().toLowerCase();

/** The number as somebody types it: only its digits. */
export function isPhone(name: string): boolean {
  return /^\+?[\d\s-]{11,18}$/.test(name);
}

/**
 * Whose photo a file is, of those that a search for its name found: by staff number, whole phone number (the search finds
 * nobody else then) or name. `null` when that is nobody, `'many'` when it could be several.
 */
export function ownerOf(name: string, found: readonly Person[]): Person | 'many' | null {
  for (const matching of [
    found.filter(({ staff_no }) => staff_no !== '' && same(staff_no, name)),
    isPhone(name) ? found : [],
    found.filter((person) => same(person.name, name)),
  ]) {
    const [only] = matching;
    if (only !== undefined) return matching.length === 1 ? only : 'many';
  }
  return null;
}
