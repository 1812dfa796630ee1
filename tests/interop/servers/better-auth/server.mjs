// better-auth with its OAuth provider, on loopback. Environment: PORT, RESOURCE. Ends with its standard input.
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { oauthProvider } from '@better-auth/oauth-provider';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins';

process.stdin.resume().on('end', () => process.exit(0));

const base = `http://127.0.0.1:${process.env.PORT}`;
const auth = betterAuth({
  baseURL: base,
  secret: 'a secret of the interop tests, long enough',
  database: new DatabaseSync(':memory:'),
  telemetry: { enabled: false },
  emailAndPassword: { enabled: true },
  disabledPaths: ['/token'],
  plugins: [
    jwt(),
    oauthProvider({
      loginPage: '/login',
      consentPage: '/consent',
      allowDynamicClientRegistration: true,
      allowUnauthenticatedClientRegistration: true,
      scopes: ['openid', 'profile', 'offline_access', 'mcp:tools'],
      resources: [process.env.RESOURCE],
      silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
    }),
  ],
});
await (await getMigrations(auth.options)).runMigrations();

const handle = toNodeHandler(auth);
const wellKnown = /^\/\.well-known\/(oauth-authorization-server|openid-configuration)\/api\/auth$/;
createServer((request, response) => {
  // The issuer has a path, so RFC 8414 puts its metadata at the root of the origin, outside of what better-auth serves.
  const asked = wellKnown.exec(new URL(request.url, base).pathname);
  if (asked) request.url = `/api/auth/.well-known/${asked[1]}`;
  handle(request, response);
}).listen(Number(process.env.PORT), '127.0.0.1');
