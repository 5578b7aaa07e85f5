import { createRouter, createWebHashHistory } from 'vue-router';
import { session } from './lib/session';

/** Panels of a meeting by the last part of the address, in the order of the tabs. */
export const PANELS = [
  'run',
  'people',
  'prizes',
  'goods',
  'voucher',
  'referral',
  'money',
  'proof',
  'settings',
] as const;
export type Panel = (typeof PANELS)[number];

/** The code of a one-time link, taken out of the address at once. */
function once(name: string): string | null {
  const match = new RegExp(`^#/?${name}=([^&]+)`).exec(location.hash);
  if (!match) return null;
  history.replaceState(null, '', location.pathname + location.search);
  return decodeURIComponent(match[1] ?? '');
}

/** The code of a one-time set-up link (`/control#setup=CODE`), taken out of the address at once. */
export const setupCode = once('setup');

/** The code of a one-time link of the owner (`/control#join=CODE`). */
export const joinCode = once('join');

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', name: 'meetings', component: () => import('./panels/MeetingsPage.vue') },
    { path: '/staff', name: 'staff', component: () => import('./panels/StaffPage.vue') },
    { path: '/trail', name: 'trail', component: () => import('./panels/AuditPage.vue') },
    { path: '/account', name: 'account', component: () => import('./panels/AccountPage.vue') },
    { path: '/checks', name: 'checks', component: () => import('./panels/ChecksPage.vue') },
    {
      path: '/m/:meeting',
      component: () => import('./panels/MeetingPage.vue'),
      props: true,
      children: [
        { path: '', redirect: (to) => `${to.path.replace(/\/$/, '')}/run` },
        { path: 'run', name: 'run', component: () => import('./run/RunPanel.vue') },
        { path: 'people', name: 'people', component: () => import('./panels/PeoplePanel.vue') },
        { path: 'prizes', name: 'prizes', component: () => import('./panels/PrizesPanel.vue') },
        { path: 'goods', name: 'goods', component: () => import('./panels/GoodsPanel.vue') },
        { path: 'voucher', name: 'voucher', component: () => import('./panels/VoucherPanel.vue') },
        { path: 'referral', name: 'referral', component: () => import('./panels/ReferralPanel.vue') },
        { path: 'money', name: 'money', component: () => import('./panels/MoneyPanel.vue') },
        { path: 'proof', name: 'proof', component: () => import('./panels/ProofPanel.vue') },
        { path: 'settings', name: 'settings', component: () => import('./panels/SettingsPanel.vue') },
      ],
    },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
});

router.beforeEach((to) => {
  const meeting = to.params.meeting;
  session.here.value = typeof meeting === 'string' ? meeting : null;
});
