// ws_client.js URL: messages of many sizes to an echoing server, by the npm package `ws`; then closes with 4321.
const { createHash, randomBytes } = require('node:crypto');
const WebSocket = require('ws');
const socket = new WebSocket(process.argv[2], { maxPayload: 64 << 20 });
const sizes = [0, 1, 125, 126, 65535, 65536, 1 << 20, 8 << 20];
const hash = (data) => createHash('sha256').update(data).digest('hex');
let next = 0, sent = '', pongs = 0;
function send() {
  if (next === sizes.length) return socket.ping();
  const data = randomBytes(sizes[next++]);
  sent = hash(data);
  socket.send(data);
}
socket.on('open', send);
socket.on('pong', () => (++pongs, socket.close(4321)));
socket.on('message', (data) => {
  if (hash(data) !== sent) throw new Error(`message ${next} came back changed`);
  send();
});
socket.on('close', (code) => console.log(JSON.stringify({ code, messages: next, pongs })));
