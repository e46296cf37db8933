"""What CreateTrail and UpdateTrail check by doing it: bucket, topic, key, log group."""

from support import HOME, OTHER, Account, Case, body, denied, unique

NO_TOPIC = "SNS Topic does not exist or the topic policy is incorrect!"
PAIR = "You must specify a log group and a role ARN."


class Buckets(Case):
    def create(self, **members):
        return self.cloudtrail.create_trail(Name="trail", **members)

    def keys(self, bucket):
        held = self.account.client("s3").list_objects_v2(Bucket=bucket)
        return sorted(found["Key"] for found in held.get("Contents", []))

    def test_one_that_is_not_there(self):
        name = unique("missing")
        with self.refused("S3BucketDoesNotExistException", f"S3 bucket {name} does not exist!"):
            self.create(S3BucketName=name)

    def test_names_that_no_bucket_has(self):
        names = ["ab", "a" * 64, "Upper-case", "under_score", "-first", "last-", "a..b", "1.2.3.4"]
        for name in names:
            with self.subTest(name), self.refused("InvalidS3BucketNameException"):
                self.create(S3BucketName=name)

    def test_the_marker_is_put_below_the_prefix(self):
        bucket, account = self.account.bucket(), self.account.number
        self.create(S3BucketName=bucket, S3KeyPrefix="p/q")
        marker = f"p/q/AWSLogs/{account}/CloudTrail/"
        self.assertEqual(self.keys(bucket), [marker])
        held = self.account.client("s3").head_object(Bucket=bucket, Key=marker)
        self.assertEqual(held["ContentLength"], 0)

    def test_with_validation_a_marker_is_put_for_digests_too(self):
        bucket, account = self.account.bucket(), self.account.number
        self.create(S3BucketName=bucket, EnableLogFileValidation=True)
        folders = ["CloudTrail-Digest", "CloudTrail"]
        markers = [f"AWSLogs/{account}/{folder}/" for folder in folders]
        self.assertEqual(self.keys(bucket), markers)

    def test_one_whose_policy_denies(self):
        for what in [denied("acl"), denied("put")]:
            bucket = self.account.bucket(what)
            text = f"Incorrect S3 bucket policy is detected for bucket: {bucket}"
            with self.subTest(what), self.refused("InsufficientS3BucketPolicyException", text):
                self.create(S3BucketName=bucket)
        self.assertEqual(self.cloudtrail.describe_trails()["trailList"], [])

    def test_the_marker_is_put_although_the_acl_is_denied(self):
        bucket = self.account.bucket(denied("acl"))
        with self.refused("InsufficientS3BucketPolicyException"):
            self.create(S3BucketName=bucket)
        self.assertEqual(self.keys(bucket), [f"AWSLogs/{self.account.number}/CloudTrail/"])

    def test_an_update_to_one_that_denies_changes_nothing(self):
        made = body(self.create(S3BucketName=self.account.bucket()))
        bucket = self.account.bucket(denied("put"))
        text = f"Incorrect S3 bucket policy is detected for bucket: {bucket}"
        with self.refused("InsufficientS3BucketPolicyException", text):
            self.cloudtrail.update_trail(Name="trail", S3BucketName=bucket)
        self.assertLessEqual(made.items(), self.trail_of("trail").items())


class Topics(Case):
    def create(self, topic, **members):
        return self.account.trail("trail", SnsTopicName=topic, **members)

    def test_by_name_and_by_arn_the_spelling_is_kept(self):
        name = self.account.topic()
        arn = f"arn:aws:sns:{HOME}:{self.account.number}:{name}"
        for spelling in [name, arn]:
            with self.subTest(spelling):
                made = self.create(spelling)
                self.assertEqual((made["SnsTopicName"], made["SnsTopicARN"]), (spelling, arn))
                self.assertLessEqual(made.items(), self.trail_of("trail").items())
                self.cloudtrail.delete_trail(Name="trail")

    def test_one_of_another_account_and_region(self):
        other = Account()
        arn = f"arn:aws:sns:{OTHER}:{other.number}:{other.topic(region=OTHER)}"
        self.assertEqual(self.create(arn)["SnsTopicARN"], arn)

    def test_what_is_published_at_first_is_the_validation_message(self):
        name = self.account.topic()
        sqs, sns = self.account.client("sqs"), self.account.client("sns")
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        sns.subscribe(
            TopicArn=f"arn:aws:sns:{HOME}:{self.account.number}:{name}",
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{HOME}:{self.account.number}:{name}",
            Attributes={"RawMessageDelivery": "true"},
        )
        self.create(name)
        heard = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
        self.assertEqual([m["Body"] for m in heard], ["CloudTrail validation message."])

    def test_one_that_is_not_there(self):
        for topic in [
            "no-such-topic",
            f"arn:aws:sns:{HOME}:{self.account.number}:no-such-topic",
            f"arn:aws:sns:{OTHER}:{self.account.number}:no-such-topic",
        ]:
            with self.subTest(topic):
                with self.refused("InsufficientSnsTopicPolicyException", NO_TOPIC):
                    self.create(topic)

    def test_one_whose_policy_denies(self):
        topic = self.account.topic(denied("publish"))
        with self.refused("InsufficientSnsTopicPolicyException", NO_TOPIC):
            self.create(topic)

    def test_one_of_a_suspended_account(self):
        with self.refused("CloudTrailInvalidClientTokenIdException"):
            self.create(self.account.topic(denied("suspended")))

    def test_names_that_no_topic_of_a_trail_has(self):
        names = ["a b", "t" * 257, "ordered.fifo", "arn:aws:sqs:eu-west-1:111111111111:queue"]
        for name in [*names, f"arn:aws:sns:{HOME}:{self.account.number}:ordered.fifo"]:
            with self.subTest(name), self.refused("InvalidSnsTopicNameException"):
                self.create(name)

    def test_the_name_is_judged_before_the_bucket(self):
        with self.refused("InvalidSnsTopicNameException"):
            self.create("ordered.fifo", bucket="no-such-bucket-of-cairn")

    def test_the_bucket_is_checked_before_the_topic(self):
        with self.refused("S3BucketDoesNotExistException"):
            self.create("no-such-topic", bucket="no-such-bucket-of-cairn")


class Keys(Case):
    def create(self, key, **members):
        return self.account.trail("trail", KmsKeyId=key, **members)

    def test_every_spelling_is_shown_as_the_arn(self):
        arn, alias = self.account.key(), "alias/" + unique("trail")
        self.account.client("kms").create_alias(AliasName=alias, TargetKeyId=arn)
        alias_arn = f"arn:aws:kms:{HOME}:{self.account.number}:{alias}"
        for spelling in [arn, arn.rpartition("/")[2], alias, alias_arn]:
            with self.subTest(spelling):
                self.assertEqual(self.create(spelling)["KmsKeyId"], arn)
                self.assertEqual(self.trail_of("trail")["KmsKeyId"], arn)
                self.cloudtrail.delete_trail(Name="trail")

    def test_well_formed_and_not_there(self):
        missing = "0a1b2c3d-0000-4000-8000-00000000cafe"
        for spelling in [
            missing,
            f"arn:aws:kms:{HOME}:{self.account.number}:key/{missing}",
            "alias/no-such-alias",
            f"arn:aws:kms:{HOME}:{self.account.number}:alias/no-such-alias",
        ]:
            with self.subTest(spelling), self.refused("InsufficientEncryptionPolicyException"):
                self.create(spelling)

    def test_one_that_may_not_be_used(self):
        alias = "alias/" + unique(denied("key"))
        self.account.client("kms").create_alias(AliasName=alias, TargetKeyId=self.account.key())
        with self.refused("InsufficientEncryptionPolicyException"):
            self.create(alias)

    def test_one_of_another_region_than_the_bucket(self):
        with self.refused("KmsKeyNotFoundException"):
            self.create(self.account.key(OTHER))

    def test_malformed(self):
        for spelling in ["nonsense", "arn:aws:kms:nonsense", "alias", "alias/a b"]:
            with self.subTest(spelling), self.refused("KmsKeyNotFoundException"):
                self.create(spelling)

    def test_disabled(self):
        key = self.account.key()
        self.account.client("kms").disable_key(KeyId=key)
        with self.refused("KmsException"):
            self.create(key)


class LogGroups(Case):
    def create(self, group=None, role=None, **more):
        members = {"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role} | more
        given = {name: value for name, value in members.items() if value is not None}
        return self.account.trail("trail", **given)

    def test_a_pair_is_kept_and_cleared_by_either(self):
        group, role = self.account.log_group(), self.account.role()
        pair = {"CloudWatchLogsLogGroupArn": group, "CloudWatchLogsRoleArn": role}
        for member in pair:
            with self.subTest(member):
                self.assertLessEqual(pair.items(), self.create(group, role).items())
                self.assertLessEqual(pair.items(), self.trail_of("trail").items())
                self.cloudtrail.update_trail(Name="trail", S3KeyPrefix="q")
                self.assertLessEqual(pair.items(), self.trail_of("trail").items())
                self.cloudtrail.update_trail(Name="trail", **{member: ""})
                self.assertFalse(pair.keys() & self.trail_of("trail").keys())
                self.cloudtrail.delete_trail(Name="trail")

    def test_refusals(self):
        group, role = self.account.log_group(), self.account.role()
        elsewhere = self.account.log_group(OTHER)
        missing = f"arn:aws:logs:{HOME}:{self.account.number}:log-group:no-such-group:*"
        no_group, no_role = (
            "InvalidCloudWatchLogsLogGroupArnException",
            "InvalidCloudWatchLogsRoleArnException",
        )
        bad_group = "CloudTrail cannot validate the specified log group ARN."
        bad_role = "CloudTrail cannot validate the specified role ARN."
        here = "You must specify a log group that is in the current region."
        access = "Access denied. Verify in IAM that the role has adequate permissions."
        trust = "Access denied. Verify in IAM that the role has adequate trust relationships."
        untrusted = self.account.role(denied("assume"))
        self.check_refusals(
            self.create,
            [
                ("no role", {"group": group}, no_role, PAIR),
                ("no group", {"role": role}, no_group, PAIR),
                ("no ARN of a group", {"group": "group", "role": role}, no_group, bad_group),
                ("no :*", {"group": group[:-2], "role": role}, no_group, bad_group),
                ("no ARN of a role", {"group": group, "role": "role"}, no_role, bad_role),
                ("another Region", {"group": elsewhere, "role": role}, no_group, here),
                ("missing", {"group": missing, "role": role}, no_group, access),
                ("no trust", {"group": group, "role": untrusted}, no_role, trust),
            ],
        )

    def test_one_alone_is_refused_of_an_update_too(self):
        group, role = self.account.log_group(), self.account.role()
        self.create()
        rows = [
            (
                "no role",
                {"CloudWatchLogsLogGroupArn": group},
                "InvalidCloudWatchLogsRoleArnException",
                PAIR,
            ),
            (
                "no group",
                {"CloudWatchLogsRoleArn": role},
                "InvalidCloudWatchLogsLogGroupArnException",
                PAIR,
            ),
        ]
        self.check_refusals(
            lambda **given: self.cloudtrail.update_trail(Name="trail", **given), rows
        )
