"""Trails by boto3: made, changed, shown, started, stopped, deleted."""

from datetime import datetime, timedelta, timezone

from operations import trail_operations
from support import HOME, OTHER, Case, body, iso

SHORT = "Trail name too short. Minimum allowed length: 3 characters. Specified name length: {}."
LONG = "Trail name too long. Maximum allowed length: 128 characters. Specified name length: {}."
FIRST = "Trail name must starts with a letter or number."
LAST = "Trail name must ends with a letter or number."
ALPHABET = (
    "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, "
    "periods (.), hyphens (-), and underscores (_)."
)
# What no trail may be called, and what is said of it where that is known.
BAD_NAMES = [
    ("one character", "a", SHORT.format("1 characters")),
    ("two characters", "ab", SHORT.format("2 characters")),
    ("129 characters", "a" * 129, LONG.format("129 characters")),
    ("a hyphen first", "-trail", FIRST),
    ("a period first", ".trail", FIRST),
    ("a hyphen last", "trail-", LAST),
    ("a mark last", "trail!", LAST),
    ("a hash within", "my#trail", ALPHABET),
    ("a blank within", "my trail", ALPHABET),
    ("two hyphens", "a--b", None),
    ("a period and an underscore", "a._b", None),
    ("an IPv4 address", "192.168.5.4", None),
]
# What is no ARN of a trail.
BAD_ARNS = [
    "arn:aws:cloudtrail:eu-west-1:111111111111:trail",
    "arn:aws:cloudtrail:eu-west-1:111111111111:trail/",
    "arn:aws:cloudtrail:eu-west-1:1111:trail/trail",
    "arn:aws:cloudtrail::111111111111:trail/trail",
    "arn:aws:s3:::bucket",
    "arn:aws:cloudtrail",
]
DEPRECATED_TIMES = {
    "LatestDeliveryAttemptTime": "",
    "LatestDeliveryAttemptSucceeded": "",
    "LatestNotificationAttemptTime": "",
    "LatestNotificationAttemptSucceeded": "",
    "TimeLoggingStarted": "",
    "TimeLoggingStopped": "",
}


class CreateTrail(Case):
    def test_answers_with_the_defaults_and_leaves_out_what_is_not_set(self):
        bucket = self.account.bucket()
        self.assertEqual(
            self.account.trail("trail", bucket=bucket),
            {
                "Name": "trail",
                "S3BucketName": bucket,
                "IncludeGlobalServiceEvents": True,
                "IsMultiRegionTrail": False,
                "TrailARN": self.account.trail_arn("trail"),
                "LogFileValidationEnabled": False,
                "IsOrganizationTrail": False,
            },
        )

    def test_answers_with_all_that_is_set(self):
        bucket, topic, key = self.account.bucket(), self.account.topic(), self.account.key()
        self.assertEqual(
            self.account.trail(
                "A.b_c-9",
                bucket=bucket,
                S3KeyPrefix="logs/of",
                SnsTopicName=topic,
                IncludeGlobalServiceEvents=True,
                IsMultiRegionTrail=True,
                EnableLogFileValidation=True,
                KmsKeyId=key,
                IsOrganizationTrail=False,
            ),
            {
                "Name": "A.b_c-9",
                "S3BucketName": bucket,
                "S3KeyPrefix": "logs/of",
                "SnsTopicName": topic,
                "SnsTopicARN": f"arn:aws:sns:{HOME}:{self.account.number}:{topic}",
                "IncludeGlobalServiceEvents": True,
                "IsMultiRegionTrail": True,
                "TrailARN": self.account.trail_arn("A.b_c-9"),
                "LogFileValidationEnabled": True,
                "KmsKeyId": key,
                "IsOrganizationTrail": False,
            },
        )

    def test_takes_names_of_three_to_128_characters(self):
        bucket = self.account.bucket()
        for name in ["abc", "a" * 128, "1.2", "A-b_C.9"]:
            with self.subTest(name):
                self.assertEqual(self.account.trail(name, bucket=bucket)["Name"], name)

    def test_refuses_names_by_their_rules(self):
        for about, name, text in BAD_NAMES:
            with self.subTest(about), self.refused("InvalidTrailNameException", text):
                self.cloudtrail.create_trail(Name=name, S3BucketName="not-even-looked-for")

    def test_does_not_start_logging(self):
        self.account.trail("trail")
        self.assertFalse(self.cloudtrail.get_trail_status(Name="trail")["IsLogging"])

    def test_refuses_what_exists_even_when_all_is_the_same(self):
        bucket = self.account.bucket()
        self.account.trail("trail", bucket=bucket)
        text = f"Trail trail already exists for customer: {self.account.number}"
        with self.refused("TrailAlreadyExistsException", text):
            self.cloudtrail.create_trail(Name="trail", S3BucketName=bucket)

    def test_refuses_what_contradicts_itself(self):
        multi = "Multi-Region trail must include global service events."
        both = {"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": False}
        with self.refused("InvalidParameterCombinationException", multi):
            # Before it looks for the bucket.
            self.cloudtrail.create_trail(Name="trail", S3BucketName="not-looked-for", **both)

    def test_refuses_a_prefix_by_its_rules(self):
        bucket = self.account.bucket()
        rows = [("too long", "p" * 201), ("with AWSLogs", "a/AWSLogs/b")]
        for about, prefix in rows:
            with self.subTest(about), self.refused("InvalidS3PrefixException"):
                self.cloudtrail.create_trail(Name="trail", S3BucketName=bucket, S3KeyPrefix=prefix)
        self.account.trail("trail", bucket=bucket, S3KeyPrefix="p" * 200)

    def test_an_empty_string_sets_nothing(self):
        empty = {"S3KeyPrefix": "", "SnsTopicName": "", "KmsKeyId": ""}
        made = self.account.trail("trail", **empty)
        self.assertLessEqual(set(made) & set(empty), set())
        self.assertLessEqual(set(self.trail_of("trail")) & set(empty), set())

    def test_a_refused_trail_is_not_there(self):
        with self.refused("S3BucketDoesNotExistException"):
            self.cloudtrail.create_trail(Name="trail", S3BucketName="no-such-bucket-of-cairn")
        self.assertEqual(self.cloudtrail.describe_trails()["trailList"], [])

    def test_five_trails_are_the_most_of_a_region(self):
        bucket = self.account.bucket()
        for number in range(5):
            self.account.trail(f"trail-{number}", bucket=bucket)
        text = f"User: {self.account.number} already has 5 trails in {HOME}."
        with self.refused("MaximumNumberOfTrailsExceededException", text):
            self.cloudtrail.create_trail(Name="sixth", S3BucketName=bucket)
        self.account.trail("elsewhere", OTHER, bucket=bucket)
        self.cloudtrail.delete_trail(Name="trail-3")
        self.account.trail("sixth", bucket=bucket)

    def test_a_multi_region_trail_counts_in_every_region(self):
        bucket = self.account.bucket()
        for number in range(5):
            self.account.trail(f"trail-{number}", OTHER, bucket=bucket)
        text = f"User: {self.account.number} already has 5 trails in {OTHER}."
        with self.refused("MaximumNumberOfTrailsExceededException", text):
            self.cloudtrail.create_trail(Name="all", S3BucketName=bucket, IsMultiRegionTrail=True)


class GetTrail(Case):
    def test_shows_what_create_trail_answered_and_the_flags(self):
        made = self.account.trail("trail", S3KeyPrefix="p")
        flags = {"HomeRegion": HOME, "HasCustomEventSelectors": False, "HasInsightSelectors": False}
        self.assertEqual(self.trail_of("trail"), made | flags)

    def test_takes_an_arn(self):
        made = self.account.trail("trail")
        self.assertEqual(self.trail_of(made["TrailARN"]), self.trail_of("trail"))

    def test_unknown_trails_are_called_by_their_bare_name(self):
        for name in ["unknown", self.account.trail_arn("unknown")]:
            with self.subTest(name), self.not_found("unknown"):
                self.cloudtrail.get_trail(Name=name)


class DescribeTrails(Case):
    def test_without_trails_the_list_is_empty(self):
        self.assertEqual(body(self.cloudtrail.describe_trails()), {"trailList": []})

    def test_shows_what_get_trail_shows(self):
        bucket = self.account.bucket()
        self.account.trail("first", bucket=bucket, S3KeyPrefix="p")
        self.account.trail("second", bucket=bucket, EnableLogFileValidation=True)
        shown = self.cloudtrail.describe_trails()["trailList"]
        by_name = {trail["Name"]: trail for trail in shown}
        self.assertEqual(len(shown), 2)
        for name in ["first", "second"]:
            self.assertEqual(by_name[name], self.trail_of(name))

    def test_picks_by_name_and_arn_and_leaves_out_unknown_names(self):
        bucket = self.account.bucket()
        for name in ["first", "second", "third"]:
            self.account.trail(name, bucket=bucket)
        asked = ["second", "unknown", self.account.trail_arn("third")]
        shown = self.cloudtrail.describe_trails(trailNameList=asked)["trailList"]
        self.assertEqual({trail["Name"] for trail in shown}, {"second", "third"})
        none = self.cloudtrail.describe_trails(trailNameList=["unknown"])
        self.assertEqual(body(none), {"trailList": []})
        every = self.cloudtrail.describe_trails(trailNameList=[])["trailList"]
        self.assertEqual(len(every), 3)


class UpdateTrail(Case):
    def test_keeps_what_is_omitted(self):
        made = self.account.trail("trail", S3KeyPrefix="p", EnableLogFileValidation=True)
        self.assertEqual(body(self.cloudtrail.update_trail(Name="trail")), made)
        changed = body(self.cloudtrail.update_trail(Name="trail", S3KeyPrefix="q"))
        self.assertEqual(changed, made | {"S3KeyPrefix": "q"})
        self.assertLessEqual(changed.items(), self.trail_of("trail").items())

    def test_changes_each_member(self):
        made = self.account.trail("trail")
        topic, key = self.account.topic(), self.account.key()
        topic_arn = f"arn:aws:sns:{HOME}:{self.account.number}:{topic}"
        for asked, answered in [
            ({"S3BucketName": (bucket := self.account.bucket())}, {"S3BucketName": bucket}),
            ({"S3KeyPrefix": "logs"}, {"S3KeyPrefix": "logs"}),
            ({"SnsTopicName": topic}, {"SnsTopicName": topic, "SnsTopicARN": topic_arn}),
            ({"SnsTopicName": topic_arn}, {"SnsTopicName": topic_arn, "SnsTopicARN": topic_arn}),
            ({"IncludeGlobalServiceEvents": False}, {"IncludeGlobalServiceEvents": False}),
            ({"IncludeGlobalServiceEvents": True}, {"IncludeGlobalServiceEvents": True}),
            ({"IsMultiRegionTrail": True}, {"IsMultiRegionTrail": True}),
            ({"IsMultiRegionTrail": False}, {"IsMultiRegionTrail": False}),
            ({"EnableLogFileValidation": True}, {"LogFileValidationEnabled": True}),
            ({"KmsKeyId": key}, {"KmsKeyId": key}),
        ]:
            with self.subTest(str(asked)):
                made |= answered
                self.assertEqual(body(self.cloudtrail.update_trail(Name="trail", **asked)), made)
                self.assertLessEqual(made.items(), self.trail_of("trail").items())

    def test_an_empty_string_clears(self):
        topic, key = self.account.topic(), self.account.key()
        self.account.trail("trail", S3KeyPrefix="p", SnsTopicName=topic, KmsKeyId=key)
        cleared = self.cloudtrail.update_trail(Name="trail", SnsTopicName="")
        self.assertEqual((cleared["SnsTopicName"], cleared["SnsTopicARN"]), ("", ""))
        cleared = self.cloudtrail.update_trail(Name="trail", S3KeyPrefix="", KmsKeyId="")
        for member in ["S3KeyPrefix", "KmsKeyId", "SnsTopicName", "SnsTopicARN"]:
            self.assertFalse(cleared.get(member), member)
            self.assertNotIn(member, self.trail_of("trail"))

    def test_takes_an_arn(self):
        made = self.account.trail("trail")
        self.cloudtrail.update_trail(Name=made["TrailARN"], S3KeyPrefix="q")
        self.assertEqual(self.trail_of("trail")["S3KeyPrefix"], "q")

    def test_a_refused_update_changes_nothing(self):
        self.account.trail("trail", S3KeyPrefix="p")
        before = self.trail_of("trail")
        change = {"S3KeyPrefix": "q", "EnableLogFileValidation": True}
        self.check_refusals(
            lambda **more: self.cloudtrail.update_trail(Name="trail", **change, **more),
            [
                (
                    "bucket",
                    {"S3BucketName": "no-such-bucket-of-cairn"},
                    "S3BucketDoesNotExistException",
                ),
                ("topic", {"SnsTopicName": "no-such-topic"}, "InsufficientSnsTopicPolicyException"),
                (
                    "Regions",
                    {"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": False},
                    "InvalidParameterCombinationException",
                    "Multi-Region trail must include global service events.",
                ),
            ],
        )
        self.assertEqual(self.trail_of("trail"), before)

    def test_checks_the_bucket_again_though_it_is_not_named(self):
        bucket = self.account.bucket()
        self.account.trail("trail", bucket=bucket)
        self.account.delete_bucket(bucket)
        with self.refused("S3BucketDoesNotExistException", f"S3 bucket {bucket} does not exist!"):
            self.cloudtrail.update_trail(Name="trail", S3KeyPrefix="q")
        self.assertNotIn("S3KeyPrefix", self.trail_of("trail"))

    def test_global_service_events_cannot_leave_a_multi_region_trail(self):
        self.account.trail("trail", IsMultiRegionTrail=True)
        text = "Multi-Region trail must include global service events."
        with self.refused("InvalidParameterCombinationException", text):
            self.cloudtrail.update_trail(Name="trail", IncludeGlobalServiceEvents=False)


class DeleteTrail(Case):
    def test_by_name_and_by_arn(self):
        for name in ["trail", self.account.trail_arn("trail")]:
            with self.subTest(name):
                self.account.trail("trail")
                self.assertEqual(body(self.cloudtrail.delete_trail(Name=name)), {})
                self.assertEqual(self.cloudtrail.describe_trails()["trailList"], [])
                with self.refused("TrailNotFoundException"):
                    self.cloudtrail.delete_trail(Name=name)

    def test_leaves_the_bucket_and_what_is_in_it(self):
        bucket = self.account.bucket()
        self.account.trail("trail", bucket=bucket)
        self.cloudtrail.delete_trail(Name="trail")
        held = self.account.client("s3").list_objects_v2(Bucket=bucket)
        marker = f"AWSLogs/{self.account.number}/CloudTrail/"
        self.assertEqual([found["Key"] for found in held["Contents"]], [marker])

    def test_a_trail_made_again_begins_anew(self):
        self.account.trail("trail", S3KeyPrefix="p", TagsList=[{"Key": "a", "Value": "b"}])
        self.cloudtrail.start_logging(Name="trail")
        self.cloudtrail.delete_trail(Name="trail")
        made = self.account.trail("trail")
        self.assertNotIn("S3KeyPrefix", made)
        self.assertEqual(
            body(self.cloudtrail.get_trail_status(Name="trail")),
            {"IsLogging": False} | DEPRECATED_TIMES,
        )
        tags = self.cloudtrail.list_tags(ResourceIdList=[made["TrailARN"]])["ResourceTagList"]
        self.assertEqual(tags, [{"ResourceId": made["TrailARN"], "TagsList": []}])


class Logging(Case):
    def test_of_a_new_trail(self):
        self.account.trail("trail")
        status = body(self.cloudtrail.get_trail_status(Name="trail"))
        self.assertEqual(status, {"IsLogging": False} | DEPRECATED_TIMES)

    def test_starts_and_stops_by_name_and_by_arn(self):
        arn = self.account.trail("trail")["TrailARN"]
        for name in ["trail", arn]:
            with self.subTest(name):
                self.assertEqual(body(self.cloudtrail.start_logging(Name=name)), {})
                self.assertTrue(self.cloudtrail.get_trail_status(Name=name)["IsLogging"])
                self.assertEqual(body(self.cloudtrail.stop_logging(Name=name)), {})
                self.assertFalse(self.cloudtrail.get_trail_status(Name=name)["IsLogging"])

    def test_times_are_told_twice(self):
        self.account.trail("trail")
        begun = datetime.now(timezone.utc)
        self.cloudtrail.start_logging(Name="trail")
        status = self.cloudtrail.get_trail_status(Name="trail")
        started = status["StartLoggingTime"]
        # As the clocks of one machine tell it, to the millisecond.
        self.assertLessEqual(begun - timedelta(milliseconds=1), started)
        self.assertLessEqual(started, datetime.now(timezone.utc))
        self.assertEqual(status["TimeLoggingStarted"], iso(started))
        self.assertNotIn("StopLoggingTime", status)
        self.assertEqual(status["TimeLoggingStopped"], "")
        self.cloudtrail.stop_logging(Name="trail")
        status = self.cloudtrail.get_trail_status(Name="trail")
        self.assertEqual(status["StartLoggingTime"], started)
        self.assertLessEqual(started, status["StopLoggingTime"])
        self.assertEqual(status["TimeLoggingStopped"], iso(status["StopLoggingTime"]))

    def test_starting_again_moves_no_time(self):
        self.account.trail("trail")
        self.cloudtrail.start_logging(Name="trail")
        before = self.cloudtrail.get_trail_status(Name="trail")
        self.cloudtrail.start_logging(Name="trail")
        after = self.cloudtrail.get_trail_status(Name="trail")
        self.assertEqual(after["StartLoggingTime"], before["StartLoggingTime"])

    def test_the_status_of_an_unknown_name_is_of_its_arn(self):
        with self.not_found(self.account.trail_arn("unknown")):
            self.cloudtrail.get_trail_status(Name="unknown")


class Names(Case):
    """What holds for every operation that names a trail."""

    def check(self, name, exception, text=None, besides=None):
        operations = trail_operations(self.cloudtrail, name) | (besides or {})
        for operation, call in operations.items():
            with self.subTest(f"{operation} of {name}"), self.refused(exception, text):
                call()

    def test_no_trail_has_an_unknown_name(self):
        self.check("unknown", "TrailNotFoundException")
        self.check(self.account.trail_arn("unknown"), "TrailNotFoundException")

    def test_a_name_that_none_may_have_is_refused_as_such(self):
        for _, name, text in BAD_NAMES:
            self.check(name, "InvalidTrailNameException", text)

    def test_an_arn_that_is_none_is_refused_as_such(self):
        for arn in BAD_ARNS:

            def describe(arn=arn):
                return self.cloudtrail.describe_trails(trailNameList=[arn])

            self.check(arn, "CloudTrailARNInvalidException", None, {"DescribeTrails": describe})


class ListTrails(Case):
    def test_shows_the_trails_of_the_region_and_the_multi_region_ones(self):
        bucket = self.account.bucket()
        self.account.trail("here", bucket=bucket)
        self.account.trail("there", OTHER, bucket=bucket, IsMultiRegionTrail=True)
        here, there = (
            {"TrailARN": self.account.trail_arn(name, region), "Name": name, "HomeRegion": region}
            for name, region in [("here", HOME), ("there", OTHER)]
        )
        for region, expected in [(HOME, [here, there]), (OTHER, [there]), ("sa-east-1", [there])]:
            with self.subTest(region):
                pages = self.account.cloudtrail(region).get_paginator("list_trails").paginate()
                trails = [trail for page in pages for trail in page["Trails"]]
                self.assertEqual(sorted(trails, key=lambda trail: trail["Name"]), expected)

    def test_without_trails_the_list_is_empty(self):
        self.assertEqual(body(self.cloudtrail.list_trails()), {"Trails": []})
