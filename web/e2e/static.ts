import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

/** The policy that the real server sends: nothing inline, nothing from elsewhere. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "worker-src 'self'; manifest-src 'self'; media-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.png': 'image/png',
};

const DIST = join(import.meta.dirname, '../dist');

/** File of the build that a path stands for, as the real server maps pages. */
function fileOf(path: string): string {
  const page = /^\/(screen|control|verify|m)(?:\/|$)/.exec(path)?.[1];
  if (page !== undefined) return `${page === 'm' ? 'attendee' : page}.html`;
  return normalize(path).replace(/^[/.]+/, '');
}

/** Serves the built pages with the real policy, and whatever `answers` has by path. */
export async function serveBuild(
  answers: Record<string, string> = {},
): Promise<{ home: string; server: Server }> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    const file = fileOf(path);
    const body = answers[path] === undefined ? readFile(join(DIST, file)) : Promise.resolve(answers[path]);
    const type = answers[path] === undefined ? TYPES[extname(file)] : 'application/json';
    body.then(
      (content) => {
        response.writeHead(200, {
          'content-type': type ?? 'application/octet-stream',
          'content-security-policy': POLICY,
          'x-content-type-options': 'nosniff',
        });
        response.end(content);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { home: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
