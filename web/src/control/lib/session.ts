import { computed, ref, shallowRef } from 'vue';
import { ApiError, api } from '../../shared/api';
import type { Wire } from '../../wire';

export type Role = Wire['Role'];

const staff = shallowRef<Wire['StaffView'] | null>(null);
/** Known to be logged in or not; before it the page shows nothing but "loading". */
const known = ref(false);
/** The meeting whose pages are open: roles may hold there only. */
const here = ref<string | null>(null);
/** The session ended while somebody worked: the log-in form says so. */
const expired = ref(false);

async function refresh(): Promise<void> {
  try {
    staff.value = await api.get<Wire['StaffView']>('/api/session');
  } catch (cause) {
    if (!(cause instanceof ApiError) || cause.status !== 401) throw cause;
    if (staff.value !== null) expired.value = true;
    staff.value = null;
  }
  known.value = true;
}

function enter(who: Wire['StaffView']): void {
  staff.value = who;
  expired.value = false;
  known.value = true;
}

async function logout(): Promise<void> {
  try {
    await api.post('/api/logout');
  } finally {
    staff.value = null;
    expired.value = false;
  }
}

/** The roles that I have on the page that is open. */
const mine = computed<Role[]>(() => {
  const local = staff.value?.meetings.filter(({ meeting }) => meeting === here.value) ?? [];
  return [...new Set([...(staff.value?.roles ?? []), ...local.flatMap(({ roles }) => roles)])];
});

/** True when one of these roles is mine; the owner has them all. The server checks it again. */
function can(...roles: Role[]): boolean {
  return mine.value.includes('owner') || roles.some((role) => mine.value.includes(role));
}

/** To be called with every error: a lost session brings back the log-in form. */
function noticed(error: ApiError): void {
  if (error.status !== 401 || error.code !== 'login' || staff.value === null) return;
  staff.value = null;
  expired.value = true;
}

/** Who is logged in: one for the whole page. */
export const session = {
  staff,
  known,
  here,
  mine,
  expired,
  refresh,
  enter,
  logout,
  can,
  noticed,
  isHost: computed(() => can('host')),
  isFinance: computed(() => can('finance')),
};
