#!/usr/bin/env python3
"""Opens a sealed result of zonebox, of any form and suite.

    open_sealed.py FILE --gate KEY --key li.op.key [--save OUT]

FILE is what `zonebox query --save` wrote. KEY is the gate's Ed25519 public key in
base64, the first line of gate.pub in the keyring, or that file. --key is the user's key
file in the keyring. The header goes to standard error; the file inside, as it was
sealed, to OUT or, of CSV, to standard output. `rows()` reads it into lists: CSV with the
standard library, Arrow and Parquet with pyarrow.

Needs Python 3.9 and the package cryptography (42 or later), which has everything but
SM2; that is 60 lines below. They are not made to withstand an attacker who measures
time on this machine.
"""
import argparse, base64, csv, hashlib, io, json, os, sys

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Refused(Exception):
    """The file is not what the gate sealed for this key."""


# ---- the file -------------------------------------------------------------------


def verified(file: bytes, gate: bytes):
    """Returns header, its line and the ciphertext of a file that the gate signed."""
    parts = file.split(b"\n", 3)
    if len(parts) != 4 or parts[0] not in (b"zonebox-release-1", b"zonebox-release-2"):
        raise Refused("not a sealed release")
    first, line, foot_line, ciphertext = parts
    header, foot = strict(line), strict(foot_line)
    if first == b"zonebox-release-1":  # which says nothing of form and suites
        if {"form", "signature", "encryption"} & set(header):
            raise Refused("not a sealed release")
        header.update(form="arrow", signature="ed25519", encryption="hpke-x25519-sha256-aes256gcm")
    said = first + b"\n" + line + b"\n" + foot["digest"].encode() + b"\n"
    signature = base64.b64decode(foot["signature"], validate=True)
    if header["signature"] == "ed25519":
        ed25519(gate, signature, said)
        digest = hashlib.sha256(ciphertext).hexdigest()
    elif header["signature"] == "sm2-sm3":
        point = base64.b64decode(foot["key"], validate=True)
        # The SM2 key counts by the word of the gate's Ed25519 key.
        ed25519(gate, base64.b64decode(foot["voucher"], validate=True), b"zonebox-sm2-key-1\n" + point.hex().encode() + b"\n")
        if len(signature) != 64 or not sm2_verify(sm2_point(point), said, signature):
            raise Refused("signature is not the gate's")
        digest = sm3(ciphertext).hex()
    else:
        raise Refused("no such signature")
    if digest != foot["digest"]:
        raise Refused("content differs from its signed digest")
    return header, line, ciphertext


def strict(line: bytes):
    """Reads canonical JSON; no member may stand twice."""
    def once(pairs):
        if len(pairs) != len({k for k, _ in pairs}):
            raise Refused("a member stands twice")
        return dict(pairs)
    try:
        return json.loads(line, object_pairs_hook=once)
    except ValueError:
        raise Refused("not a sealed release") from None


def ed25519(public: bytes, signature: bytes, message: bytes):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        raise Refused("signature is not the gate's") from None


def opened(file: bytes, gate: bytes, user: dict):
    """Returns header and content of a file; user is the user's key file, read as JSON."""
    header, line, ciphertext = verified(file, gate)
    try:
        if header["encryption"] == "hpke-x25519-sha256-aes256gcm":
            prefix, private = tink_key(base64.b64decode(user["recipient_key"]))
            content = hpke_open(private, prefix, ciphertext, hashlib.sha256(line).digest())
        elif header["encryption"] == "sm2-sm4gcm-sm3":
            d = int.from_bytes(base64.b64decode(user["sm2_key"]), "big")
            key = sm2_decrypt(d, ciphertext[:113])
            content = sm4_gcm_open(key, ciphertext[113:125], ciphertext[125:], sm3(line))
        else:
            raise Refused("no such encryption")
    except (KeyError, InvalidTag):
        raise Refused("sealed to another recipient") from None
    return header, content


def rows(header: dict, content: bytes):
    """Returns the rows with the line of names first: texts of CSV, a missing value None;
    of Arrow and Parquet the values that pyarrow makes of them."""
    if header["form"] in ("csv", "csv-bom"):
        # One ' at the start of a text keeps spreadsheets from taking it for a formula.
        text = content.decode("utf-8-sig" if header["form"] == "csv-bom" else "utf-8")
        texts = [c["type"] == "utf8" for c in header["columns"]]
        lines = list(csv.reader(io.StringIO(text, newline="")))
        plain = lambda s: s[1:] if s.startswith("'") else s
        return [[plain(s) for s in lines[0]]] + [
            [plain(s) if texts[i] else (s or None) for i, s in enumerate(line or [""])] for line in lines[1:]]
    import pyarrow, pyarrow.parquet
    if header["form"] == "arrow":
        table = pyarrow.ipc.open_stream(content).read_all()
    else:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
    return [table.column_names] + [list(r.values()) for r in table.to_pylist()]


# ---- HPKE (RFC 9180) with a key of Tink -------------------------------------------


def fields(data: bytes):
    """Yields number and value of the fields of a protocol buffer."""
    def varint(at):
        n = shift = 0
        while True:
            b = data[at]
            n, shift, at = n | (b & 127) << shift, shift + 7, at + 1
            if b < 128:
                return n, at
    at = 0
    while at < len(data):
        tag, at = varint(at)
        value, at = varint(at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        yield tag >> 3, value


def tink_key(keyset: bytes):
    """Returns the prefix and the private key of a keyset of one HPKE key."""
    key = dict(fields(dict(fields(keyset))[2]))
    private = dict(fields(dict(fields(key[1]))[2]))[3]
    prefix = b"" if key.get(4) == 3 else b"\x01" + key[3].to_bytes(4, "big")  # RAW has none
    return prefix, private


def hpke_open(private: bytes, prefix: bytes, sealed: bytes, info: bytes) -> bytes:
    if sealed[:len(prefix)] != prefix:
        raise Refused("sealed to another recipient")
    enc, ciphertext = sealed[len(prefix):len(prefix) + 32], sealed[len(prefix) + 32:]
    own = X25519PrivateKey.from_private_bytes(private)
    dh = own.exchange(X25519PublicKey.from_public_bytes(enc))
    kem = b"KEM" + (0x20).to_bytes(2, "big")
    suite = b"HPKE" + b"".join(n.to_bytes(2, "big") for n in (0x20, 1, 2))
    shared = expand(extract(b"", b"eae_prk", dh, kem), b"shared_secret", enc + own.public_key().public_bytes_raw(), 32, kem)
    context = b"\x00" + extract(b"", b"psk_id_hash", b"", suite) + extract(b"", b"info_hash", info, suite)
    secret = extract(shared, b"secret", b"", suite)
    return AESGCM(expand(secret, b"key", context, 32, suite)).decrypt(expand(secret, b"base_nonce", context, 12, suite), ciphertext, b"")


def mac(key: bytes, data: bytes) -> bytes:
    h = hmac.HMAC(key or bytes(32), hashes.SHA256())
    h.update(data)
    return h.finalize()


def extract(salt: bytes, label: bytes, ikm: bytes, suite: bytes) -> bytes:
    return mac(salt, b"HPKE-v1" + suite + label + ikm)


def expand(prk: bytes, label: bytes, info: bytes, size: int, suite: bytes) -> bytes:
    return mac(prk, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01")[:size]  # of one block


# ---- SM2, SM3, SM4 (GB/T 32918, 32905, 32907) -------------------------------------

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
     0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0)


def sm3(data: bytes) -> bytes:
    h = hashes.Hash(hashes.SM3())
    h.update(data)
    return h.finalize()


def b32(n: int) -> bytes:
    return n.to_bytes(32, "big")


def add(p, q):
    if p is None or q is None:
        return p or q
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] + A) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def times(k: int, p):
    out = None
    while k:
        if k & 1:
            out = add(out, p)
        p, k = add(p, p), k >> 1
    return out


def sm2_point(data: bytes):
    x, y = int.from_bytes(data[1:33], "big"), int.from_bytes(data[33:], "big")
    if len(data) != 65 or data[0] != 4 or x >= P or y >= P or (y * y - x * x * x - A * x - B) % P:
        raise Refused("not a point of the curve")
    return x, y


def sm2_verify(public, message: bytes, signature: bytes) -> bool:
    identity = b"1234567812345678"
    za = sm3((8 * len(identity)).to_bytes(2, "big") + identity + b"".join(map(b32, (A, B, *G, *public))))
    e = int.from_bytes(sm3(za + message), "big")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N and t):
        return False
    point = add(times(s, G), times(t, public))
    return point is not None and (e + point[0]) % N == r


def sm2_decrypt(d: int, sealed: bytes) -> bytes:
    """Opens C1, C3, C2 of GB/T 32918.4."""
    point = times(d, sm2_point(sealed[:65]))
    check, c2 = sealed[65:97], sealed[97:]
    z, stream, n = b32(point[0]) + b32(point[1]), b"", 1
    while len(stream) < len(c2):
        stream, n = stream + sm3(z + n.to_bytes(4, "big")), n + 1
    message = bytes(a ^ b for a, b in zip(c2, stream))
    if sm3(b32(point[0]) + message + b32(point[1])) != check:
        raise Refused("sealed to another recipient")
    return message


def sm4_gcm_open(key: bytes, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
    d = Cipher(algorithms.SM4(key), modes.GCM(nonce, sealed[-16:])).decryptor()
    d.authenticate_additional_data(bound)
    return d.update(sealed[:-16]) + d.finalize()


# ---- the command line -------------------------------------------------------------


def main() -> int:
    p = argparse.ArgumentParser(description="Opens a sealed result of zonebox.")
    p.add_argument("file")
    p.add_argument("--gate", required=True, help="the gate's public key in base64, or gate.pub")
    p.add_argument("--key", required=True, help="the user's key file")
    p.add_argument("--save", help="write the file inside to a new file")
    a = p.parse_args()
    if os.path.exists(a.gate):
        with open(a.gate) as f:
            known = f.read().split()
    else:
        known = [a.gate]
    with open(a.file, "rb") as f:
        file = f.read()
    with open(a.key) as f:
        user = json.load(f)
    for i, key in enumerate(known):
        try:
            header, content = opened(file, base64.b64decode(key), user)
            break
        except Refused as why:
            if i == len(known) - 1 or "signature" not in str(why):
                print(f"refused: {why}", file=sys.stderr)
                return 1
    json.dump(header, sys.stderr, ensure_ascii=False, indent=2)
    print(file=sys.stderr)
    if a.save:
        with open(a.save, "xb") as f:
            f.write(content)
    elif header["form"].startswith("csv"):
        sys.stdout.buffer.write(content)
    else:
        print(f"{len(content)} bytes of {header['form']}; take --save", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
