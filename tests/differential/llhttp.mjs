// llhttp.mjs request|response ACCEPTED: does Node's parser (llhttp, strict) read what we accepted as
// we did? Its first message must end with the very byte that ours ended with. Refusals are counted.

import { readFileSync } from 'node:fs';

const { HTTPParser, allMethods, methods } = process.binding('http_parser');
const [kind, file] = process.argv.slice(2);
const type = kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE;
const bytes = (word) => Buffer.from(word.slice(1), 'hex');
const text = (word) => bytes(word).toString('latin1');

// Until version 9 a Content-Length of these announced a body, against RFC 9110 6.4.1.
const bodyWithout = parseInt(process.versions.llhttp) < 9;

function read(message, used, untilClose) {
  const out = { fields: [], body: [], done: 0, upgrade: false };
  const parser = new HTTPParser();
  parser.initialize(type, {}, 1 << 20);
  // Many fields come in batches, the last ones with the head.
  const keep = (list) => {
    for (let i = 0; i < list.length; i += 2) out.fields.push([list[i], list[i + 1]]);
  };
  parser[HTTPParser.kOnHeaders] = (list, url) => {
    keep(list);
    if (out.start === undefined) out.url = (out.url ?? '') + url;
  };
  parser[HTTPParser.kOnHeadersComplete] =
      (major, minor, list, method, url, status, reason, upgrade) => {
    keep(list ?? []);
    const name = (allMethods ?? methods)[method];
    out.start = type === HTTPParser.REQUEST ? `${name} ${url ?? out.url} ${minor}`
                                            : `${minor} ${status}`;
    out.upgrade = upgrade;
    return 0;
  };
  parser[HTTPParser.kOnBody] = (piece) => { out.body.push(Buffer.from(piece)); };
  parser[HTTPParser.kOnMessageComplete] = () => { ++out.done; };
  const before = parser.execute(message.subarray(0, used - 1));
  if (before instanceof Error) return { ...out, error: before.code };
  out.early = out.done;
  const last = parser.execute(message.subarray(used - 1, used));
  if (last instanceof Error) return { ...out, error: last.code };
  if (untilClose) parser.finish();
  return out;
}

function difference(words) {
  const [, , untilClose, start, body, ...fields] = words;
  const got = read(bytes(words[0]), Number(words[1]), untilClose === '1');
  // Behind an upgrade or a CONNECT llhttp stops: there is no second reading of the rest.
  if (got.upgrade) return ['skipped', 'upgrade'];
  if (got.error) return ['refused', got.error];
  if (got.start !== text(start)) return ['different', `start: ${text(start)} / ${got.start}`];
  if (got.early) return ['different', `it ended earlier`];
  if (got.done !== 1 && bodyWithout && / (1\d\d|204|304)$/.test(got.start)) return ['skipped', '1xx, 204, 304'];
  if (got.done !== 1) return ['different', `it ended later`];
  const all = [];
  for (let i = 0; i < fields.length; i += 2) all.push([text(fields[i]), text(fields[i + 1])]);
  if (JSON.stringify(all) !== JSON.stringify(got.fields))
    return ['different', `fields: ${JSON.stringify(all)} / ${JSON.stringify(got.fields)}`];
  if (!bytes(body).equals(Buffer.concat(got.body))) return ['different', `body: ${text(body)}`];
  return ['same', ''];
}

const counts = {};
let different = 0;
for (const line of readFileSync(file, 'latin1').split('\n')) {
  if (!line) continue;
  const words = line.split(' ');
  const [what, why] = difference(words);
  const key = what === 'different' ? what : `${what} ${why}`;
  counts[key] = (counts[key] ?? 0) + 1;
  if (what === 'different' && ++different <= 20)
    console.log(`read differently: ${why}\n---\n${text(words[0])}\n---`);
}
console.log(`llhttp ${process.versions.llhttp}:`, counts);
process.exit(different ? 1 : 0);
