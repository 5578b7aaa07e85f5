import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const page = (name: string): string => fileURLToPath(new URL(`./${name}.html`, import.meta.url));

/**
 * Style sheets of the attendee's page after what stands there first: in the head they would hold it back, and on a slow
 * network for a second. What stands first needs none.
 */
function firstThingsFirst(): Plugin {
  return {
    name: 'first-things-first',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(html, { path }) {
        if (!path.endsWith('attendee.html')) return html;
        const sheets: string[] = [];
        const rest = html.replace(/\n\s*<link rel="stylesheet"[^>]*>/g, (sheet) => {
          sheets.push(sheet);
          return '';
        });
        return rest.replace('<noscript>', `${sheets.join('').trim()}\n    <noscript>`);
      },
    },
  };
}

/** The server that `npm run dev` passes API calls and sockets to. */
const backend = process.env.KAIJIANG_BACKEND ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [
    vue({
      template: {
        compilerOptions: {
          // Long static parts would be inserted with innerHTML, and a style attribute in them
          // is refused by our Content-Security-Policy. Element by element it is allowed.
          transformHoist: null,
        },
      },
    }),
    firstThingsFirst(),
  ],
  define: {
    __VUE_OPTIONS_API__: true,
    __VUE_PROD_DEVTOOLS__: false,
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
    __INTLIFY_DROP_MESSAGE_COMPILER__: false,
  },
  build: {
    // Old WebViews inside WeChat; BigInt is the newest thing we need.
    target: 'es2020',
    cssTarget: 'chrome80',
    outDir: 'dist',
    assetsDir: 'assets',
    // The policy has no data: for anything but images; files stay files.
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: {
        screen: page('screen'),
        control: page('control'),
        attendee: page('attendee'),
        verify: page('verify'),
      },
    },
  },
  // A classic worker script also runs where module workers do not.
  worker: { format: 'iife' },
  server: {
    proxy: {
      '/api': backend,
      '/ws': { target: backend, ws: true },
    },
  },
  test: {
    include: ['src/**/*.test.ts'],
    environment: 'node',
  },
});
