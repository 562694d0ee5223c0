// An OpenID provider that others wrote and had certified, with one client, over TLS. It
// signs in whoever names themselves at its own pages.
//   node serve.mjs KEY.pem CERT.pem CLIENT SECRET REDIRECT
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import Provider from 'oidc-provider'

const [key, cert, client, secret, redirect] = process.argv.slice(2)
const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) })
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    clients: [{ client_id: client, client_secret: secret, redirect_uris: [redirect], response_types: ['code'], grant_types: ['authorization_code'] }],
    pkce: { required: () => true },
  })
  server.on('request', provider.callback())
  console.log(issuer)
})
process.stdin.on('end', () => process.exit()).resume() // with who started it
