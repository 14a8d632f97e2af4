// An HTTPS origin: says what it was asked, and whether its client resumed a session.
// Files: CERT, KEY, and CA if clients must show a certificate.
'use strict';
const fs = require('node:fs');
const https = require('node:https');

const { CERT, KEY, CA } = process.env;
const options = { cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY), keepAliveTimeout: 50 };
if (CA) Object.assign(options, { ca: fs.readFileSync(CA), requestCert: true, rejectUnauthorized: true });

// Half of a response, then the end of the connection without a goodbye of TLS.
function cut(req, res, head) {
  res.writeHead(200, head);
  res.write('x'.repeat(5000), () => setTimeout(() => req.socket._parent.destroy(), 50));
}

const server = https.createServer(options, async (req, res) => {
  let bytes = 0;
  for await (const part of req) bytes += part.length;
  if (req.url === '/cut') return cut(req, res, { 'Content-Length': 100000 });
  const body = JSON.stringify({
    url: req.url,
    bytes,
    sni: req.socket.servername || '',
    reused: req.socket.isSessionReused(),
    peer: CA ? req.socket.getPeerCertificate().subject.CN : '',
  });
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  res.end(body);
});
server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => console.log(`listening ${server.address().port}`));
