"""The demo's traffic and its proof: records in by PutAuditEvents, out of S3, SQS and `cairn consume`.

Records come from the folder that CAIRN_CORPUS names, and are generated when there is none. Every
record that was acknowledged must be found, byte for byte, exactly once, in the log files in S3; every
log file must be announced on SQS; and `cairn consume` must give the same records back.
"""

import argparse
import collections
import gzip
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import uuid

import boto3
from botocore.config import Config

ACCOUNT = "111122223333"
REGION = "us-east-1"
CALL_EVENTS_MAX = 100
CALL_BYTES_MAX = 1_000_000
WAIT_SECONDS_MAX = 90


def main():
    arguments = parse_arguments()
    records, source = read_records()
    run = uuid.uuid4().hex[:8]
    bucket, topic = f"cairn-demo-{run}", f"arn:aws:sns:{REGION}:000000000000:cairn-demo-{run}"
    boto3.client("s3", region_name=REGION).create_bucket(Bucket=bucket)
    print(f"bucket {bucket}, topic {topic}, queue cairn-demo-{run}; {len(records)} records {source}")
    config = write_config(arguments.work, bucket, topic, run, accounts_of(records))
    daemon = Daemon(arguments.cairn, config, arguments.work)
    try:
        sent = put_audit_events(daemon, records)
        print(f"sent {len(sent)} events in {sent.calls} calls of put-audit-events; all are acknowledged, which means on disk")
        files = wait_for_files(daemon, bucket, len(sent))
        notices = receive_notices(f"cairn-demo-{run}", len(files))
        consumed = consume(arguments.cairn, f"cairn-demo-{run}-consume")
        daemon.stop()
        prove(sent, files, notices, consumed, bucket)
    finally:
        daemon.kill()
        remove(bucket, topic, run)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cairn", required=True, help="the cairn binary")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="an empty directory")
    return parser.parse_args()


def read_records():
    """Lines of the corpus, each once; or generated records."""
    corpus = os.environ.get("CAIRN_CORPUS")
    if corpus and pathlib.Path(corpus).is_dir():
        lines = collections.OrderedDict()
        for path in sorted(pathlib.Path(corpus).glob("*.jsonl")):
            if path.name != "replay-cases.jsonl":  # API calls, not records
                for line in path.read_text(encoding="utf-8").split("\n"):
                    if line.strip():
                        lines[line] = None
        return list(lines), "of real trails"
    dice = random.Random(7)
    return [generated(dice, number) for number in range(1500)], "generated"


def generated(dice, number):
    """A record as CloudTrail writes it, in its order of members."""
    account = dice.choice([ACCOUNT, "444455556666", "777788889999"])
    user = dice.choice(["amy", "bob", "chloé"])
    source, name, read_only = dice.choice(
        [("iam", "ListUsers", True), ("s3", "CreateBucket", False), ("ec2", "RunInstances", False), ("kms", "Decrypt", True)]
    )
    record = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE" + user[:1].upper(),
            "arn": f"arn:aws:iam::{account}:user/{user}",
            "accountId": account,
            "userName": user,
        },
        "eventTime": f"2026-03-09T{number // 60 % 24:02}:{number % 60:02}:00Z",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": dice.choice(["us-east-1", "eu-west-1"]),
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "aws-cli/2.31.0",
        "requestParameters": None if read_only else {"name": f"resource-{number}", "text": 'quotes " and \\ and ☂'},
        "responseElements": None,
        "requestID": str(uuid.UUID(int=dice.getrandbits(128))),
        "eventID": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def accounts_of(records):
    """Accounts that records name; others are filed under the channel's."""
    accounts = {ACCOUNT}
    for text in records:
        record = json.loads(text)
        identity = record.get("userIdentity")
        named = record.get("recipientAccountId") or record.get("accountId")
        if named is None and isinstance(identity, dict):
            named = identity.get("accountId")
        if isinstance(named, str) and len(named) == 12 and named.isascii() and named.isdigit():
            accounts.add(named)
    return sorted(accounts)


def write_config(work, bucket, topic, run, accounts):
    """A trail for each account, all into one bucket, and two queues behind one topic."""
    categories = ["Management", "Data", "NetworkActivity", "Insight", "Aggregated", "ActivityAuditLog"]
    selectors = ", ".join(f'{{ FieldSelectors = [{{ Field = "eventCategory", Equals = ["{name}"] }}] }}' for name in categories)
    lines = [
        f'data_dir = "{work}/data"',
        'listen = "127.0.0.1:0"',
        'auth = "localstack"',
        "[log]\nformat = \"json\"",
        "[delivery]\ninterval = \"2s\"",
        "[journal]\nsegment_size = \"16MiB\"\nquota = \"256MiB\"",
        f'[[channels]]\nname = "demo"\naccount = "{ACCOUNT}"\nregion = "{REGION}"',
        f'[[fanout]]\ntopic = "{topic}"\nqueues = [{{ name = "cairn-demo-{run}", raw = false }}, {{ name = "cairn-demo-{run}-consume", raw = true }}]',
    ]
    for account in accounts:
        lines.append(
            f'[[trails]]\nname = "demo"\naccount = "{account}"\nregion = "{REGION}"\nbucket = "{bucket}"\n'
            f'topic = "{topic}"\nmulti_region = true\nadvanced_event_selectors = [{selectors}]'
        )
    config = work / "cairn.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return config


class Daemon:
    """`cairn serve`, started, with what its log says of address and channel."""

    def __init__(self, cairn, config, work):
        self.log = work / "cairn.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([cairn, "serve", "--config", str(config)], stderr=log)
        self.address = self.said("cairn is ready")["address"]
        self.channel = self.said("channel takes audit events")["arn"]
        self.said("queue is subscribed", times=2)

    def said(self, message, times=1):
        """Waits for a message of the log and gives its fields."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while time.monotonic() < deadline:
            lines = self.log.read_text(encoding="utf-8").splitlines()
            found = [line for line in map(parse, lines) if line and line.get("message") == message]
            if len(found) >= times:
                return found[0]
            if self.process.poll() is not None:
                sys.exit(f"cairn ended with {self.process.returncode}:\n" + "\n".join(lines))
            time.sleep(0.05)
        sys.exit(f"cairn did not say {message!r} in {WAIT_SECONDS_MAX} s; its log is:\n" + "\n".join(lines))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60) != 0:
            sys.exit("cairn did not stop cleanly:\n" + self.log.read_text(encoding="utf-8"))

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def parse(line):
    try:
        return json.loads(line)
    except ValueError:
        return None


class Sent(list):
    calls = 0


def put_audit_events(daemon, records):
    """Sends all records with boto3's own cloudtrail-data client; gives those acknowledged."""
    client = boto3.client(
        "cloudtrail-data", region_name=REGION, endpoint_url=f"http://{daemon.address}", config=Config(retries={"max_attempts": 5})
    )
    sent = Sent()
    for batch in batches(records):
        events = [{"id": f"demo-{number}", "eventData": text} for number, text in enumerate(batch)]
        answer = client.put_audit_events(auditEvents=events, channelArn=daemon.channel)
        sent.calls += 1
        for failure in answer["failed"]:
            sys.exit(f"refused: {failure}")
        sent.extend(batch)
    return sent


def batches(records):
    batch, size = [], 0
    for text in records:
        length = len(text.encode())
        if batch and (len(batch) == CALL_EVENTS_MAX or size + length > CALL_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch


def wait_for_files(daemon, bucket, expected):
    """The log files in the bucket, once they hold as many records as were sent."""
    s3 = boto3.client("s3", region_name=REGION)
    files, deadline = {}, time.monotonic() + WAIT_SECONDS_MAX
    while sum(map(len, files.values())) < expected and time.monotonic() < deadline:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                if entry["Size"] > 0 and entry["Key"] not in files:
                    body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
                    files[entry["Key"]] = raw_records(gzip.decompress(body).decode())
        if daemon.process.poll() is not None:
            sys.exit("cairn ended:\n" + daemon.log.read_text(encoding="utf-8"))
        time.sleep(0.1)
    return files


def raw_records(text):
    """The texts of the records of a log file, cut out and not parsed and rendered again."""
    start, end = '{"Records":[', "]}"
    assert text.startswith(start) and text.endswith(end), text[:80]
    decoder, at, records = json.JSONDecoder(), len(start), []
    while at < len(text) - len(end):
        _, behind = decoder.raw_decode(text, at)
        records.append(text[at:behind])
        at = behind + 1
    return records


def receive_notices(queue, expected):
    """Keys that SNS-enveloped messages announce."""
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    keys, deadline = collections.Counter(), time.monotonic() + WAIT_SECONDS_MAX
    while len(keys) < expected and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            text = json.loads(message["Body"])["Message"]
            if not text.startswith("CloudTrail validation message"):
                keys.update(json.loads(text)["s3ObjectKey"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return keys


def consume(cairn, queue):
    """What `cairn consume` reads from the other queue: raw messages to records."""
    command = [cairn, "consume", "--queue", queue, "--idle-polls", "1", "--wait", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"cairn consume: {done.stderr}")
    return [line for line in done.stdout.split("\n") if line]


def prove(sent, files, notices, consumed, bucket):
    in_s3 = [record for records in files.values() for record in records]
    shared = len(sent) - len(distinct(sent))
    doubles = f"; {shared} share account and eventID with another and count once" if shared else ""
    checks = [
        ("events sent and acknowledged", len(sent), True),
        ("records in S3, byte for byte", len(in_s3), collections.Counter(in_s3) == collections.Counter(sent)),
        ("log files in S3", len(files), True),
        ("log files announced on SQS", len(notices), set(notices) == set(files)),
        # Readers of CloudTrail drop doubles by eventID; edited records of a corpus may share one.
        (f"records read back by cairn consume{doubles}", len(consumed), set(consumed) <= set(sent) and len(consumed) == len(distinct(sent))),
    ]
    key = min(files)
    print(f"\nThe first log file:\n  s3://{bucket}/{key}\nand its first record:")
    print(json.dumps(json.loads(files[key][0]), indent=2, ensure_ascii=False))
    print("\nWhat this proved:")
    for what, count, holds in checks:
        print(f"  {'ok  ' if holds else 'FAIL'} {count:6} {what}")
    if not all(holds for _, _, holds in checks):
        sys.exit(1)
    print("All equal.")


def distinct(sent):
    """Records that differ in account and eventID: what is left when doubles by eventID are dropped."""
    seen = set()
    for number, text in enumerate(sent):
        record = json.loads(text)
        event_id = record.get("eventID") or record.get("eventId")
        account = record.get("recipientAccountId") or record.get("accountId") or ""
        seen.add((account, event_id) if isinstance(event_id, str) and event_id else number)
    return seen


def remove(bucket, topic, run):
    """Takes away what the demo made, from a LocalStack that may be somebody's."""
    contents = boto3.resource("s3", region_name=REGION).Bucket(bucket)
    contents.objects.all().delete()
    contents.delete()
    boto3.client("sns", region_name=REGION).delete_topic(TopicArn=topic)
    sqs = boto3.client("sqs", region_name=REGION)
    for queue in (f"cairn-demo-{run}", f"cairn-demo-{run}-consume"):
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"])


if __name__ == "__main__":
    main()
