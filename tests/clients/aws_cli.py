"""The aws command line, version 1, as a person types it: flows, output, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

from support import CAIRN, HOME, LOCALSTACK, OTHER, Case, unique

AWS = Path(sys.executable).parent / "aws"
FAILED = 255  # what version 1 ends with when the service refuses
S3_POLICY = """{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},
  "Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::<BucketName>"},
 {"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject",
  "Resource":"arn:aws:s3:::<BucketName>/<Prefix>AWSLogs/<CustomerAccountID>/*"}]}"""
SNS_POLICY = """{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"SNS:Publish",
  "Resource":"arn:aws:sns:<Region>:<SNSTopicOwnerAccountId>:<SNSTopicName>"}]}"""


class CommandLine(Case):
    def run_aws(self, *words, region=HOME):
        """Runs `aws cloudtrail …` to its end."""
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": self.account.number,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_ENDPOINT_URL_S3": LOCALSTACK,
            "AWS_ENDPOINT_URL_SNS": LOCALSTACK,
            "AWS_ENDPOINT_URL_STS": LOCALSTACK,
            "AWS_MAX_ATTEMPTS": "1",
            "NO_PROXY": "127.0.0.1",
        }
        command = [AWS, "cloudtrail", *words, "--endpoint-url", CAIRN]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    def aws(self, *words, **more):
        """What a command that succeeds writes, read as JSON; None when it writes nothing."""
        ended = self.run_aws(*words, **more)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""), words)
        return json.loads(ended.stdout) if ended.stdout else None

    def fails(self, operation, exception, *words, **more):
        ended = self.run_aws(*words, **more)
        self.assertEqual((ended.returncode, ended.stdout), (FAILED, ""), ended.stderr)
        begin = f"An error occurred ({exception}) when calling the {operation} operation: "
        self.assertIn(begin, ended.stderr)
        return ended.stderr.strip().partition(begin)[2]

    def create(self, *more):
        bucket = self.account.bucket()
        return self.aws("create-trail", "--name", "trail", "--s3-bucket-name", bucket, *more)


class Trails(CommandLine):
    def test_from_create_trail_to_delete_trail(self):
        made = self.create(
            "--is-multi-region-trail",
            "--enable-log-file-validation",
            "--tags-list",
            "Key=team,Value=audit",
            "Key=bare",
        )
        arn = self.account.trail_arn("trail")
        self.assertEqual(made["TrailARN"], arn)
        self.assertTrue(made["IsMultiRegionTrail"] and made["LogFileValidationEnabled"])
        self.assertIsNone(self.aws("start-logging", "--name", "trail"))
        status = self.aws("get-trail-status", "--name", arn)
        self.assertTrue(status["IsLogging"])
        self.assertRegex(str(status["StartLoggingTime"]), r"^\d{10}\.\d+$|^\d{4}-")
        shown = self.aws("describe-trails", "--trail-name-list", "trail", "unknown")["trailList"]
        self.assertEqual([trail["HomeRegion"] for trail in shown], [HOME])
        self.assertEqual(self.aws("get-trail", "--name", "trail")["Trail"], shown[0])
        self.assertEqual(self.aws("describe-trails", region=OTHER)["trailList"], shown)
        here = ["describe-trails", "--no-include-shadow-trails"]
        self.assertEqual(self.aws(*here, region=OTHER), {"trailList": []})
        self.assertEqual(self.aws("list-trails", region=OTHER)["Trails"][0]["TrailARN"], arn)
        self.assertIsNone(self.aws("stop-logging", "--name", "trail"))
        self.assertIsNone(self.aws("delete-trail", "--name", arn))
        self.assertEqual(self.aws("describe-trails"), {"trailList": []})

    def test_update_trail_changes_and_clears(self):
        self.create("--s3-key-prefix", "old")
        update = ["update-trail", "--name", "trail"]
        self.assertEqual(self.aws(*update, "--s3-key-prefix", "new")["S3KeyPrefix"], "new")
        changed = self.aws(*update, "--no-include-global-service-events")
        self.assertEqual(changed["S3KeyPrefix"], "new")
        self.assertFalse(changed["IncludeGlobalServiceEvents"])
        self.aws(*update, "--s3-key-prefix", "")
        self.assertNotIn("S3KeyPrefix", self.aws("get-trail", "--name", "trail")["Trail"])

    def test_what_is_refused_is_said_with_exit_code_255(self):
        self.create()
        number = self.account.number
        text = self.fails(
            "CreateTrail",
            "TrailAlreadyExistsException",
            "create-trail",
            "--name",
            "trail",
            "--s3-bucket-name",
            "any-bucket",
        )
        self.assertEqual(text, f"Trail trail already exists for customer: {number}")
        text = self.fails("GetTrail", "TrailNotFoundException", "get-trail", "--name", "unknown")
        self.assertEqual(text, f"Unknown trail: unknown for the user: {number}")
        self.fails(
            "StopLogging",
            "InvalidHomeRegionException",
            "stop-logging",
            "--name",
            self.account.trail_arn("trail"),
            region=OTHER,
        )
        missing = unique("missing")
        text = self.fails(
            "CreateTrail",
            "S3BucketDoesNotExistException",
            "create-trail",
            "--name",
            "other",
            "--s3-bucket-name",
            missing,
        )
        self.assertEqual(text, f"S3 bucket {missing} does not exist!")

    def test_selectors_basic_and_advanced(self):
        self.create()
        put = ["put-event-selectors", "--trail-name", "trail"]
        basic = [
            {
                "ReadWriteType": "WriteOnly",
                "IncludeManagementEvents": True,
                "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::bucket/"]}],
            }
        ]
        kept = [basic[0] | {"ExcludeManagementEventSources": []}]
        answer = self.aws(*put, "--event-selectors", json.dumps(basic))
        self.assertEqual(answer["EventSelectors"], kept)
        get = ["get-event-selectors", "--trail-name", "trail"]
        self.assertEqual(self.aws(*get), answer)
        advanced = [
            {
                "Name": "objects",
                "FieldSelectors": [
                    {"Field": "eventCategory", "Equals": ["Data"]},
                    {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                ],
            }
        ]
        answer = self.aws(*put, "--advanced-event-selectors", json.dumps(advanced))
        self.assertEqual(answer["AdvancedEventSelectors"], advanced)
        self.assertEqual(self.aws(*get), answer)
        answer = self.aws(*put, "--event-selectors", "ReadWriteType=ReadOnly")
        self.assertEqual(answer["EventSelectors"][0]["ReadWriteType"], "ReadOnly")
        self.fails(
            "PutEventSelectors",
            "InvalidEventSelectorsException",
            *put,
            "--event-selectors",
            "ReadWriteType=read-only",
        )

    def test_tags(self):
        arn = self.create()["TrailARN"]
        tags = ["--tags-list", "Key=a,Value=1", "Key=b,Value=2"]
        self.assertIsNone(self.aws("add-tags", "--resource-id", arn, *tags))
        removed = ["--tags-list", "Key=a"]
        self.assertIsNone(self.aws("remove-tags", "--resource-id", arn, *removed))
        listed = self.aws("list-tags", "--resource-id-list", arn)
        self.assertEqual(
            listed["ResourceTagList"],
            [{"ResourceId": arn, "TagsList": [{"Key": "b", "Value": "2"}]}],
        )


class Subscriptions(CommandLine):
    def test_create_subscription_sets_everything_up_and_update_subscription_changes_it(self):
        bucket, topic = unique("subscribed"), unique("news")
        create = ["create-subscription", "--name", "trail", "--s3-new-bucket", bucket]
        create += ["--s3-prefix", "logs", "--sns-new-topic", topic]
        policies = ["--s3-custom-policy", S3_POLICY, "--sns-custom-policy", SNS_POLICY]
        ended = self.run_aws(*create, *policies)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""), ended.stdout)
        self.assertIn("Starting CloudTrail service...\n", ended.stdout)
        self.assertTrue(ended.stdout.endswith(f"Logs will be delivered to {bucket}:logs\n"))
        self.assertTrue(self.cloudtrail.get_trail_status(Name="trail")["IsLogging"])
        trail = self.trail_of("trail")
        self.assertEqual((trail["S3BucketName"], trail["SnsTopicName"]), (bucket, topic))

        second = unique("subscribed")
        update = ["update-subscription", "--name", "trail", "--s3-new-bucket", second]
        ended = self.run_aws(*update, *policies[:2], "--include-global-service-events", "false")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""), ended.stdout)
        trail = self.trail_of("trail")
        self.assertEqual((trail["S3BucketName"], trail["S3KeyPrefix"]), (second, "logs"))
        self.assertFalse(trail["IncludeGlobalServiceEvents"])

    def test_a_refused_subscription_takes_its_bucket_back(self):
        self.account.trail("trail")
        bucket = unique("subscribed")
        ended = self.run_aws(
            "create-subscription",
            "--name",
            "trail",
            "--s3-new-bucket",
            bucket,
            "--s3-custom-policy",
            S3_POLICY,
        )
        self.assertEqual(ended.returncode, FAILED, ended.stdout)
        self.assertIn("(TrailAlreadyExistsException)", ended.stderr)
        buckets = self.account.client("s3").list_buckets()["Buckets"]
        self.assertNotIn(bucket, [one["Name"] for one in buckets])
