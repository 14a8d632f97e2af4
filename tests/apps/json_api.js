// A JSON API with a store in memory: what most people put behind a proxy.
'use strict';
const http = require('node:http');

const items = new Map();
let nextId = 1;

function send(res, status, value) {
  const body = JSON.stringify(value);
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  res.end(body);
}

async function readJson(req) {
  const parts = [];
  for await (const part of req) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}

async function handle(req, res) {
  const url = new URL(req.url, 'http://app');
  const id = Number(url.pathname.split('/')[2]);
  if (url.pathname === '/whoami') return send(res, 200, { url: req.url, method: req.method, pid: process.pid, headers: req.headers });
  if (url.pathname === '/items' && req.method === 'POST') {
    const item = { id: nextId++, ...(await readJson(req)) };
    items.set(item.id, item);
    return send(res, 201, item);
  }
  if (url.pathname === '/items') return send(res, 200, [...items.values()]);
  if (!items.has(id)) return send(res, 404, { error: 'no such item' });
  if (req.method === 'DELETE') {
    items.delete(id);
    res.writeHead(204);
    return res.end();
  }
  return send(res, 200, items.get(id));
}

let ending = false;
const server = http.createServer((req, res) => {
  if (ending) res.setHeader('Connection', 'close');
  handle(req, res).catch((error) => send(res, 400, { error: error.message }));
});
// As an application that is restarted well: what is under way is answered, then it ends.
process.on('SIGTERM', () => {
  ending = true;
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
server.keepAliveTimeout = Number(process.env.KEEP_ALIVE_MS || 5000);
server.listen(Number(process.env.PORT || 0), process.env.HOST || '127.0.0.1', () => console.log(`listening ${server.address().port}`));
