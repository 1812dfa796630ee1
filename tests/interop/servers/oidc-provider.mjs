// The certified npm `oidc-provider` as an authorization server for MCP resources, on loopback.
//
// Environment: PORT (needed), ISSUER (default http://127.0.0.1:PORT; one with a path works too),
// AT_TTL (access token lifetime in seconds); and, off unless 1: DEVICE (RFC 8628), CLIENT_CREDENTIALS (with the
// client `svc`, secret `svc-secret-svc-secret-svc-secret`), DPOP_NONCE (RFC 9449, always with a nonce) and MANAGE
// (RFC 7592).
// Its development pages log anyone in. The /test/ routes are those of ledger.py.
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider, errors } from 'oidc-provider';

const PORT = Number(process.env.PORT);
const ISSUER = process.env.ISSUER ?? `http://127.0.0.1:${PORT}`;
const BASE_PATH = new URL(ISSUER).pathname.replace(/\/$/, '');
const on = (name) => process.env[name] === '1';
const MCP_SCOPES = ['mcp:tools', 'mcp:read'];

const settings = { token_lifetime: Number(process.env.AT_TTL ?? 300), grace: 0, answer_delay: 0 };
const ledger = { token_requests: [], revocations: [], reuses: 0, grace_uses: 0 };
const secrets = [];

// --- what it remembers ---------------------------------------------------------------------------

const fingerprint = (secret) => (secret ? createHash('sha256').update(secret).digest('hex').slice(0, 16) : null);

function keepSecrets(form, names) {
  for (const kind of names) if (form?.[kind]) secrets.push({ kind, value: form[kind] });
}

function noteTokenRequest(asked, at, status, answer) {
  keepSecrets(asked, ['code', 'code_verifier', 'refresh_token']);
  keepSecrets(answer, ['access_token', 'refresh_token']);
  ledger.token_requests.push({
    grant_type: asked.grant_type ?? null,
    client_id: asked.client_id ?? null,
    resource: asked.resource ?? null,
    refresh_token: fingerprint(asked.refresh_token),
    issued_refresh_token: fingerprint(answer?.refresh_token),
    at,
    status,
    outcome: answer?.error ?? (status === 200 ? 'ok' : 'failed'),
  });
}

async function record(ctx, next) {
  const at = Date.now() / 1000;
  await next();
  const route = ctx.oidc?.route;
  const asked = ctx.oidc?.body ?? {};
  if (route === 'revocation') ledger.revocations.push({ token: fingerprint(asked.token), at, status: ctx.status });
  if (route === 'token') {
    noteTokenRequest(asked, at, ctx.status, ctx.body);
    await new Promise((resolve) => { setTimeout(resolve, settings.answer_delay * 1000); });
  }
}

// --- the provider --------------------------------------------------------------------------------

function resourceServer(ctx, resource) {
  // A plain Error here would become a 500 server_error.
  if (!resource.startsWith('http://127.0.0.1')) throw new errors.InvalidTarget();
  return {
    scope: MCP_SCOPES.join(' '),
    audience: resource,
    accessTokenFormat: 'jwt',
    accessTokenTTL: settings.token_lifetime,
    jwt: { sign: { alg: 'RS256' } },
  };
}

const machine = {
  client_id: 'svc',
  client_secret: 'svc-secret-svc-secret-svc-secret',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_basic',
};

const provider = new Provider(ISSUER, {
  clients: on('CLIENT_CREDENTIALS') ? [machine] : [],
  // MCP clients copy the resource's scopes into their registration, so they are listed here as well.
  scopes: ['openid', 'offline_access', ...MCP_SCOPES],
  cookies: { keys: ['interop-cookie-key'] },
  findAccount: (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  pkce: { required: () => true },
  clientDefaults: { token_endpoint_auth_method: 'none' },
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: () => settings.token_lifetime,
    AuthorizationCode: 60,
    ClientCredentials: () => settings.token_lifetime,
    DeviceCode: 120,
    Grant: 86400,
    IdToken: 600,
    Interaction: 600,
    RefreshToken: 86400,
    Session: 86400,
  },
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    registrationManagement: { enabled: on('MANAGE') },
    revocation: { enabled: true },
    deviceFlow: { enabled: on('DEVICE') },
    clientCredentials: { enabled: on('CLIENT_CREDENTIALS') },
    dPoP: { enabled: on('DPOP_NONCE'), nonceSecret: randomBytes(32), requireNonce: () => on('DPOP_NONCE') },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: resourceServer,
    },
  },
});
provider.use(record);
provider.on('server_error', (ctx, error) => console.error('server_error', error));
for (const event of ['authorization.error', 'grant.error', 'registration_create.error']) {
  provider.on(event, (ctx, error) => console.error(event, error.message, error.error_description, error.error_detail));
}

// --- the front door ------------------------------------------------------------------------------

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function answerTest(request, response) {
  if (request.url === '/test/settings' && request.method === 'POST') {
    Object.assign(settings, JSON.parse(await body(request)));
  }
  const document = { '/test/log': ledger, '/test/secrets': secrets, '/test/settings': settings }[request.url];
  response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify(document ?? null));
}

// An issuer with a path: mounted under it, and RFC 8414's form of the well-known URL (path last) served too.
function mount(request) {
  if (!BASE_PATH) return true;
  for (const document of ['oauth-authorization-server', 'openid-configuration']) {
    const wellKnown = `/.well-known/${document}`;
    if (request.url === wellKnown + BASE_PATH) request.url = BASE_PATH + wellKnown;
  }
  if (!request.url.startsWith(`${BASE_PATH}/`)) return false;
  request.originalUrl = request.url;
  request.baseUrl = BASE_PATH;
  request.url = request.url.slice(BASE_PATH.length);
  return true;
}

const answer = provider.callback();
createServer((request, response) => {
  if (request.url.startsWith('/test/')) answerTest(request, response);
  else if (mount(request)) answer(request, response);
  else response.writeHead(404).end();
}).listen(PORT, '127.0.0.1', () => console.log('ready', ISSUER));

// It lives as long as its standard input, like its siblings (lifeline.py).
process.stdin.resume().on('end', () => process.exit(0));
