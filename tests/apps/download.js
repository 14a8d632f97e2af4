// GET /?size=BYTES[&trailer=1]: a chunked body of pseudo-random but repeatable bytes; with trailer=1
// a Trailer field and, behind the body, its SHA-256.
'use strict';
const http = require('node:http');
const crypto = require('node:crypto');

const block = Buffer.alloc(65536);
for (let i = 0, x = 1; i < block.length; i++) {
  x = (Math.imul(x, 1103515245) + 12345) >>> 0;
  block[i] = x >>> 16;
}

const server = http.createServer((req, res) => {
  const url = new URL(req.url, 'http://app');
  let left = Number(url.searchParams.get('size') || 0);
  const hash = url.searchParams.get('trailer') ? crypto.createHash('sha256') : null;
  const fields = { 'Content-Type': 'application/octet-stream', 'Transfer-Encoding': 'chunked' };
  if (hash) fields.Trailer = 'X-Sha256';
  res.writeHead(200, fields);
  const more = () => {
    while (left > 0) {
      const part = left >= block.length ? block : block.subarray(0, left);
      left -= part.length;
      if (hash) hash.update(part);
      if (!res.write(part)) return res.once('drain', more);
    }
    if (hash) res.addTrailers({ 'X-Sha256': hash.digest('hex') });
    res.end();
  };
  more();
});
server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => console.log(`listening ${server.address().port}`));
