"""Checks a proof of `cairn prove` with openssl and sha256sum alone: nothing of Cairn.

    check_proof.py PROOF KEY EVENTID

KEY is PEM with a PKCS#1 key. Ends with 0 and writes the record, or fails and says why.
"""

import base64
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile


def sha256(content, folder):
    path = folder / "content"
    path.write_bytes(content)
    said = subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout
    return said.split()[0]


def is_signed(signed, digest, sha256_hex, key, folder):
    previous = digest["previousDigestSignature"]
    message = "\n".join([
        digest["digestEndTime"],
        digest["digestS3Bucket"] + "/" + digest["digestS3Object"],
        sha256_hex,
        "null" if previous is None else previous,
    ])
    (folder / "message").write_bytes(message.encode())
    (folder / "signature").write_bytes(bytes.fromhex(signed["signature"]))
    command = ["openssl", "dgst", "-sha256", "-verify", key, "-signature", folder / "signature"]
    said = subprocess.run([*command, folder / "message"], capture_output=True, text=True)
    return said.returncode == 0 and said.stdout.strip() == "Verified OK"


def check(proof, key, event_id, folder):
    assert proof["format"] == 1 and proof["eventID"] == event_id
    log_file = proof["logFile"]
    content = gzip.decompress(base64.b64decode(log_file["gzip"], validate=True))
    found = [record for record in json.loads(content)["Records"] if record["eventID"] == event_id]
    assert len(found) == 1, f"{len(found)} records"

    this = base64.b64decode(proof["digest"]["bytes"], validate=True)
    digest, hash_of_this = json.loads(this), sha256(this, folder)
    listed = [
        one
        for one in digest["logFiles"]
        if (one["s3Bucket"], one["s3Object"]) == (log_file["s3Bucket"], log_file["s3Object"])
    ]
    assert [one["hashValue"] for one in listed] == [sha256(content, folder)], listed
    assert is_signed(proof["digest"], digest, hash_of_this, key, folder), "the signature"

    after = base64.b64decode(proof["next"]["bytes"], validate=True)
    following = json.loads(after)
    assert following["previousDigestS3Bucket"] == digest["digestS3Bucket"]
    assert following["previousDigestS3Object"] == digest["digestS3Object"]
    assert following["previousDigestHashValue"] == hash_of_this
    assert following["previousDigestSignature"] == proof["digest"]["signature"]
    assert is_signed(proof["next"], following, sha256(after, folder), key, folder), "the next one"
    return found[0]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    path, pkcs1, event_id = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        key = folder / "key.pem"
        convert = ["openssl", "rsa", "-RSAPublicKey_in", "-in", pkcs1, "-pubout", "-out", key]
        subprocess.run(convert, check=True, capture_output=True)
        proof = json.loads(pathlib.Path(path).read_bytes())
        print(json.dumps(check(proof, key, event_id, folder)))


if __name__ == "__main__":
    main()
