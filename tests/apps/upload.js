// Takes a body of any size, keeps none of it, and answers with what it counted and hashed.
'use strict';
const http = require('node:http');
const crypto = require('node:crypto');

let running = 0;

const server = http.createServer((req, res) => {
  if (req.url === '/running') return res.end(String(running));
  const hash = crypto.createHash('sha256');
  let bytes = 0;
  running += 1;
  req.on('data', (part) => { bytes += part.length; hash.update(part); });
  req.on('close', () => { running -= 1; });
  req.on('end', () => {
    const body = JSON.stringify({ bytes, sha256: hash.digest('hex'), te: req.headers['transfer-encoding'] || null });
    res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    res.end(body);
  });
});
server.requestTimeout = 0;
server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => console.log(`listening ${server.address().port}`));
