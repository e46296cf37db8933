"""Runs moto's own CloudTrail tests against Cairn.

    moto_suite.py CAIRN_URL LOCALSTACK_URL

They come from moto's source distribution, fetched by the hash in requirements-moto.lock, and are
run in moto's server mode, which sends all of AWS to one endpoint. Here that is a router: CloudTrail
goes to Cairn, all else to LocalStack. Which are left out, and why, stands in moto-left-out.txt.
"""

import http.client
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import boto3

HERE = Path(__file__).parent
LOCK = HERE / "requirements-moto.lock"
LEFT_OUT = HERE / "moto-left-out.txt"
# The environment is named after its lock file, so what is kept in it is of the right version.
TESTS = Path(sys.prefix) / "share" / "moto-tests"
PACKAGES = ["tests/__init__.py", "tests/conftest.py", "tests/test_cloudtrail/"]
PASSING = 26
# The account whose keys moto's tests believe to hold; Cairn and LocalStack take it by the key's id.
ACCOUNT = "123456789012"
CREDENTIAL = re.compile(r"Credential=[^/]+(/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request)")


def main():
    cairn, localstack = sys.argv[1:]
    fetch_tests()
    with router(cairn, localstack) as endpoint:
        sys.exit(run_tests(endpoint))


def fetch_tests():
    """Fetches the tests unless they are there. Interrupted, it begins again."""
    if TESTS.exists():
        return
    TESTS.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TESTS.parent) as directory:
        requirement = Path(directory) / "requirement.txt"
        requirement.write_text(locked("moto"))
        download = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "download",
            "--quiet",
        ]
        download += [
            "--require-hashes",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--no-build-isolation",
        ]
        subprocess.run([*download, "--dest", directory, "--requirement", requirement], check=True)
        (archive,) = Path(directory).glob("moto-*.tar.gz")
        with tarfile.open(archive) as content:
            members = [member for member in content if is_wanted(member.name)]
            content.extractall(directory, members, filter="data")
        (unpacked,) = Path(directory).glob("moto-*/tests")
        shutil.move(unpacked.parent, TESTS)


def locked(package):
    """The lines of the lock file about one package: its version and its hashes."""
    lines = LOCK.read_text().splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith(f"{package}=="))
    entry = [lines[begin]]
    for line in lines[begin + 1 :]:
        if not line.strip().startswith("--hash="):
            break
        entry.append(line)
    return "\n".join(entry) + "\n"


def is_wanted(name):
    return any(name.partition("/")[2].startswith(package) for package in PACKAGES)


def run_tests(endpoint):
    left_out = [line for line in LEFT_OUT.read_text().splitlines() if line and line[0] != "#"]
    collected = pytest("--collect-only", "--quiet", endpoint=endpoint).stdout
    for test in left_out:
        # One that is misspelt would be left out of nothing.
        assert test in collected or test.startswith("test_server.py"), f"no such test: {test}"
    deselected = [f"--deselect=tests/test_cloudtrail/{test}" for test in left_out]
    ran = pytest("--verbose", "--tb=short", *deselected, endpoint=endpoint)
    print(ran.stdout, ran.stderr, sep="\n")
    passed = re.search(r"(\d+) passed", ran.stdout)
    if ran.returncode == 0 and passed and int(passed[1]) == PASSING:
        return 0
    print(f"all {PASSING} tests that are not left out must pass")
    return 1


def pytest(*arguments, endpoint):
    # test_server.py imports what only moto's own server needs.
    command = [sys.executable, "-m", "pytest", "--color=no", "-p", "no:cacheprovider"]
    command += [
        "--ignore=tests/test_cloudtrail/test_server.py",
        *arguments,
        "tests/test_cloudtrail",
    ]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {
        "TEST_SERVER_MODE": "true",
        "TEST_SERVER_MODE_ENDPOINT": endpoint,
        # Whatever fails, nothing goes to AWS.
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True)


class router:
    """A server that sends each call where its signature says that it belongs."""

    def __init__(self, cairn, localstack):
        handler = type("Bound", (Handler,), {"cairn": cairn, "localstack": localstack})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def route(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/moto-api/reset":
            return self.reset()
        authorization = self.headers.get("Authorization", "")
        signed = CREDENTIAL.search(authorization)
        if not signed:
            return self.answer(403, [], b"the router found no SigV4 signature")
        target = self.cairn if signed["service"] == "cloudtrail" else self.localstack
        headers = dict(self.headers.items())
        headers["Host"] = urlsplit(target).netloc
        headers["Authorization"] = CREDENTIAL.sub(rf"Credential={ACCOUNT}\1", authorization)
        there = http.client.HTTPConnection(urlsplit(target).netloc, timeout=60)
        there.request(self.command, self.path, body, headers)
        answer = there.getresponse()
        content = answer.read()
        there.close()
        return self.answer(answer.status, answer.getheaders(), content)

    def reset(self):
        try:
            delete_trails(self.cairn)
        except Exception as error:
            # A connection that is cut would leave moto's tests without their endpoint.
            print(f"the trails of the test before were not deleted: {error}")
            return self.answer(500, [], b"")
        return self.answer(200, [], b"{}")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = route

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing: pytest tells what went wrong."""


def delete_trails(cairn):
    """What moto means by a reset, as far as its CloudTrail tests meet it."""
    session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test")
    here = session.client("cloudtrail", region_name="us-east-1", endpoint_url=cairn)
    for trail in here.list_trails()["Trails"]:
        home = session.client("cloudtrail", region_name=trail["HomeRegion"], endpoint_url=cairn)
        home.delete_trail(Name=trail["TrailARN"])


if __name__ == "__main__":
    main()
