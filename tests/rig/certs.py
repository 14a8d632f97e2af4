"""Keys and certificates for a test, by openssl, in a directory of the test's own."""
import subprocess


def _openssl(*words, **how):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **how)


class Authority:
    """Signs; `Authority(dir, "root").issue("app", "DNS:app.test")` writes app.pem and app.key."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self._request(
            name, name, ["-x509", "-days", "2", "-addext", "basicConstraints=critical,CA:TRUE"]
        )
        self.pem = folder / f"{name}.pem"

    def _request(self, name, subject, words, rsa=False):
        key = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        place = self.folder / (f"{name}.pem" if "-x509" in words else f"{name}.csr")
        _openssl(
            *["req", "-newkey", *key, "-nodes", "-subj", f"/CN={subject}", *words],
            *["-keyout", self.folder / f"{name}.key", "-out", place],
        )

    def issue(self, name, names, rsa=False):
        self._request(name, name, ["-addext", f"subjectAltName={names}"], rsa)
        _openssl(
            *["x509", "-req", "-days", "2", "-copy_extensions", "copy", "-CAcreateserial"],
            *["-in", self.folder / f"{name}.csr", "-out", self.folder / f"{name}.pem"],
            *["-CA", self.pem, "-CAkey", self.folder / f"{self.name}.key"],
        )
        return self.folder / f"{name}.pem"
