// An HTTP/2 client of Node's: a GET, an upload that comes back, and a cancelled request beside another.
// node http2_client.js ORIGIN GET-URL ECHO-URL
const http2 = require("node:http2");
const [base, getUrl, echoUrl] = process.argv.slice(2);
const path = (url) => url.slice(base.length);
const session = http2.connect(base);
session.on("error", (e) => { console.error(e); process.exit(1); });

function exchange(headers, body) {
    return new Promise((resolve, reject) => {
        const req = session.request(headers);
        let status = 0;
        const parts = [];
        req.on("response", (h) => { status = h[":status"]; });
        req.on("data", (d) => parts.push(d));
        req.on("end", () => resolve([status, Buffer.concat(parts)]));
        req.on("error", reject);
        req.end(body);
    });
}

(async () => {
    const out = {};
    const [status, body] = await exchange({ ":path": path(getUrl) });
    out.get = [status, body.length];
    const upload = Buffer.alloc(300000, "pkernel");
    const [code, back] = await exchange({ ":path": path(echoUrl), ":method": "POST" }, upload);
    out.post = [code, back.length, back.equals(upload)];
    const cut = session.request({ ":path": path(echoUrl), ":method": "POST" });
    cut.on("error", () => {});
    cut.write("half");
    out.cancelled = await new Promise((resolve) => {
        cut.on("close", () => resolve(cut.rstCode === http2.constants.NGHTTP2_CANCEL));
        cut.close(http2.constants.NGHTTP2_CANCEL);
    });
    [out.after] = await exchange({ ":path": path(getUrl) });
    console.log(JSON.stringify(out));
    session.close();
})();
