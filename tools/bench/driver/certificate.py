"""The certificate of the bench: ECDSA P-256, made anew for each contestant."""

import subprocess


def make(folder):
    """`folder`, with cert.pem, cert.key and both.pem in it."""
    cert, key = folder / "cert.pem", folder / "cert.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-days", "2", "-subj", "/CN=bench.local"]
        + ["-addext", "subjectAltName=DNS:bench.local", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    (folder / "both.pem").write_text(cert.read_text() + key.read_text())
    return folder
