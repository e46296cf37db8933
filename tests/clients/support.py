"""What the suites stand on: accounts that no other test has, their clients, and what they set up.

The environment says where things are: CAIRN_URL is the daemon, AWS_ENDPOINT_URL is LocalStack. Both
take an access key id of twelve digits for the account. Policies are not enforced by LocalStack, so
the daemon reaches it through a proxy that denies what names promise: see `denied`.
"""

import functools
import os
import random
import time
import unittest
import uuid
from contextlib import contextmanager
from datetime import timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CAIRN = os.environ["CAIRN_URL"]
LOCALSTACK = os.environ["AWS_ENDPOINT_URL"]
# Three Regions; the first is home unless a test says otherwise.
HOME, OTHER, THIRD = "eu-west-1", "us-east-1", "ap-southeast-2"
SESSION = boto3.Session()
# A test wants to see the first answer, whatever it is.
ONCE = {"total_max_attempts": 1}


class Account:
    """An account, drawn anew or named, and what it has."""

    def __init__(self, number=None):
        self.number = number or str(random.randrange(10**11, 10**12))

    @functools.cache
    def client(self, service, region=HOME, **config):
        return SESSION.client(
            service,
            region_name=region,
            endpoint_url=CAIRN if service.startswith("cloudtrail") else LOCALSTACK,
            aws_access_key_id=self.number,
            aws_secret_access_key="test",
            config=Config(retries=ONCE, **config),
        )

    def cloudtrail(self, region=HOME, **config):
        return self.client("cloudtrail", region, **config)

    def trail_arn(self, name, region=HOME):
        return f"arn:aws:cloudtrail:{region}:{self.number}:trail/{name}"

    def bucket(self, ending="logs"):
        """The name of a new bucket, in the home Region."""
        name = unique(ending)
        self.make_bucket(name)
        return name

    def make_bucket(self, name):
        here = {"LocationConstraint": HOME}
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=here)

    def delete_bucket(self, name):
        s3 = self.client("s3")
        for found in s3.list_objects_v2(Bucket=name).get("Contents", []):
            s3.delete_object(Bucket=name, Key=found["Key"])
        s3.delete_bucket(Bucket=name)

    def topic(self, ending="news", region=HOME, **attributes):
        """The name of a new topic."""
        name = unique(ending)
        self.client("sns", region).create_topic(Name=name, **attributes)
        return name

    def key(self, region=HOME):
        """The ARN of a new KMS key."""
        return self.client("kms", region).create_key()["KeyMetadata"]["Arn"]

    def log_group(self, region=HOME):
        """The ARN of a new log group, as CloudTrail wants it."""
        name = unique("trail")
        self.client("logs", region).create_log_group(logGroupName=name)
        return f"arn:aws:logs:{region}:{self.number}:log-group:{name}:*"

    def role(self, name="CloudTrail_CloudWatchLogs_Role"):
        return f"arn:aws:iam::{self.number}:role/{name}"

    def trail(self, name="trail", region=HOME, **members):
        """Makes a trail and gives CreateTrail's answer, without what is about the call."""
        members.setdefault("S3BucketName", members.pop("bucket", None) or self.bucket())
        return body(self.cloudtrail(region).create_trail(Name=name, **members))


def unique(ending):
    return f"{uuid.uuid4().hex[:12]}-{ending}"


def denied(what):
    """The ending of a name for which the proxy denies one thing.

    Of a bucket: acl, put. Of a topic: publish, and suspended, which is what a suspended account is
    answered. Of the alias of a key: key. Of a role: assume.
    """
    return f"{what}-denied"


def body(answer):
    """An answer without what is about the call, and not in it."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def iso(time):
    """A time as CloudTrail writes it in texts."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def eventually(what, ask):
    """Asks until there is an answer that counts. The only way to wait."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for this: {what}")


class Case(unittest.TestCase):
    """A test with an account of its own."""

    maxDiff = None

    def setUp(self):
        self.account = Account()
        self.cloudtrail = self.account.cloudtrail()

    @contextmanager
    def refused(self, exception, message=None):
        """What is called here is refused with an exception, and with this text if one is given."""
        with self.assertRaises(ClientError) as caught:
            yield
        answer = caught.exception.response
        self.assertEqual(answer["Error"]["Code"], exception, answer["Error"].get("Message"))
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertTrue(answer["ResponseMetadata"].get("RequestId"), "x-amzn-RequestId")
        text = answer["Error"]["Message"]
        if message is not None:
            self.assertEqual(text, message)
        else:
            self.assertTrue(text, f"{exception} says nothing")

    def check_refusals(self, call, rows):
        """Each row: what it is about, the call's members, the exception, and maybe its text."""
        for about, members, exception, *text in rows:
            with self.subTest(about), self.refused(exception, *text):
                call(**members)

    def trail_of(self, name, account=None, region=HOME):
        """The trail as GetTrail shows it."""
        return (account or self.account).cloudtrail(region).get_trail(Name=name)["Trail"]

    def not_found(self, name, account=None):
        """TrailNotFoundException with its text."""
        number = (account or self.account).number
        return self.refused(
            "TrailNotFoundException", f"Unknown trail: {name} for the user: {number}"
        )
