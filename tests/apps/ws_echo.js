// A server of the npm package `ws` (NODE_PATH says where it is): echoes, and tells how each connection ended.
const { WebSocketServer } = require('ws');
const ended = [];
const server = require('node:http').createServer((request, response) => response.end(JSON.stringify(ended)));
const sockets = new WebSocketServer({ server, perMessageDeflate: true, maxPayload: 64 << 20 });
sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('close', (code) => ended.push(code));
  socket.on('error', () => {});
});
server.listen(process.env.PORT, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
