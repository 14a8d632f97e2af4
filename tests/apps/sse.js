// Server-sent events, one a step: GET /events opens the stream, POST /next?data=x sends one event to all.
// Events are sent only when asked for, so that a test sees each arrive by itself without waiting on a clock.
'use strict';
const http = require('node:http');

const streams = new Set();
let sent = 0;

const server = http.createServer((req, res) => {
  const url = new URL(req.url, 'http://app');
  if (url.pathname === '/events') {
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    res.write(': open\n\n');
    streams.add(res);
    res.on('close', () => streams.delete(res));
    return;
  }
  if (url.pathname === '/next') {
    sent += 1;
    for (const stream of streams) stream.write(`id: ${sent}\ndata: ${url.searchParams.get('data')}\n\n`);
  }
  if (url.pathname === '/end') for (const stream of streams) stream.end();
  const body = JSON.stringify({ streams: streams.size, sent });
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  res.end(body);
});
server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => console.log(`listening ${server.address().port}`));
