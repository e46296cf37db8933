"""AWS JSON 1.1 as it stands on the wire: what no SDK lets a test see, or send."""

import json
import urllib.error
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support import CAIRN, HOME, OTHER, SESSION, Case

LONG = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."
SHORT = "CloudTrail_20131101."
JSON = "application/x-amz-json-1.1"


class Requests(Case):
    def post(self, operation, content=b"{}", prefix=LONG, region=HOME):
        """A signed request; gives status, headers and text of the answer."""
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"Content-Type": JSON, "X-Amz-Target": prefix + operation}
        request = AWSRequest("POST", CAIRN + "/", headers, content)
        keys = Credentials(self.account.number, "test")
        SigV4Auth(keys, "cloudtrail", region).add_auth(request)
        request = urllib.request.Request(CAIRN + "/", content, dict(request.headers.items()))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.headers, refused.read().decode()

    def check_refused(self, exception, answer):
        status, headers, text = answer
        refusal = json.loads(text)
        self.assertEqual((status, refusal["__type"]), (400, exception), text)
        self.assertEqual(headers["Content-Type"], JSON)
        self.assertTrue(headers["x-amzn-RequestId"])
        self.assertLessEqual(set(refusal), {"__type", "message"})
        return refusal.get("message")


class Wire(Requests):
    def test_both_prefixes_of_the_target_are_taken(self):
        for prefix in [LONG, SHORT]:
            with self.subTest(prefix):
                status, headers, text = self.post("ListTrails", prefix=prefix)
                self.assertEqual((status, text), (200, '{"Trails":[]}'))
                self.assertEqual(headers["Content-Type"], JSON)
                self.assertTrue(headers["x-amzn-RequestId"])

    def test_what_answers_nothing_answers_an_empty_object(self):
        self.account.trail("trail")
        self.assertEqual(self.post("StartLogging", {"Name": "trail"})[2], "{}")

    def test_a_refusal_is_byte_for_byte_as_aws_writes_it(self):
        text = f"Unknown trail: unknown for the user: {self.account.number}"
        expected = f'{{"__type":"TrailNotFoundException","message":"{text}"}}'
        answer = self.post("GetTrail", {"Name": "unknown"})
        self.assertEqual(answer[2], expected)
        self.check_refused("TrailNotFoundException", answer)

    def test_an_operation_that_cloudtrail_does_not_have(self):
        self.check_refused("UnknownOperationException", self.post("MakeCoffee"))
        for target in ["DynamoDB_20120810.", "Other_20131101.", ""]:
            with self.subTest(target):
                answer = self.post("ListTrails", prefix=target)
                self.check_refused("UnknownOperationException", answer)

    def test_every_operation_of_cloudtrail_is_known(self):
        # The model of the SDK is the list: none is a 404, a 500, or unheard of.
        model = SESSION.client("cloudtrail", region_name=HOME).meta.service_model
        self.assertGreaterEqual(len(model.operation_names), 60)
        for operation in model.operation_names:
            with self.subTest(operation):
                status, headers, text = self.post(operation)
                self.assertIn(status, [200, 400], text)
                self.assertEqual(headers["Content-Type"], JSON)
                self.assertNotIn("UnknownOperation", text)

    def test_members_that_are_not_known_are_passed_over(self):
        self.assertEqual(self.post("ListTrails", {"Colour": {"red": [1]}})[2], '{"Trails":[]}')

    def test_a_null_member_is_an_absent_one(self):
        answer = self.post("DescribeTrails", {"trailNameList": None, "includeShadowTrails": None})
        self.assertEqual(answer[2], '{"trailList":[]}')

    def test_members_of_another_type_are_refused(self):
        bucket = self.account.bucket()
        for operation, content in [
            ("GetTrail", {"Name": 7}),
            ("GetTrail", {"Name": ["trail"]}),
            ("DescribeTrails", {"trailNameList": "trail"}),
            ("DescribeTrails", {"includeShadowTrails": "yes"}),
            ("CreateTrail", {"Name": "trail", "S3BucketName": bucket, "IsMultiRegionTrail": "x"}),
            ("AddTags", {"ResourceId": self.account.trail_arn("trail"), "TagsList": {}}),
        ]:
            with self.subTest(f"{operation} {content}"):
                self.check_refused("SerializationException", self.post(operation, content))
        self.assertEqual(self.cloudtrail.describe_trails()["trailList"], [])

    def test_what_is_not_json_is_refused(self):
        for content in [b"{", b"[]", b"7", b"\xff", b'{"Name":"trail"} {}']:
            with self.subTest(content):
                answer = self.post("GetTrail", content)
                self.check_refused("SerializationException", answer)

    def test_members_that_are_missing_are_named(self):
        for operation, member in [
            ("GetTrail", "name"),
            ("CreateTrail", "name"),
            ("PutEventSelectors", "trailName"),
            ("AddTags", "resourceId"),
            ("ListTags", "resourceIdList"),
            ("CreateChannel", "name"),
        ]:
            with self.subTest(operation):
                status, _, text = self.post(operation, {})
                self.assertEqual(status, 400)
                self.assertIn(member.lower(), text.lower())

    def test_times_are_numbers_of_epoch_seconds(self):
        self.account.trail("trail")
        self.cloudtrail.start_logging(Name="trail")
        status = json.loads(self.post("GetTrailStatus", {"Name": "trail"})[2])
        self.assertIsInstance(status["StartLoggingTime"], (int, float))
        self.assertRegex(status["TimeLoggingStarted"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_recursive_logging_is_always_told(self):
        # Of newer SDKs only.
        created = {"Name": "trail", "S3BucketName": self.account.bucket()}
        self.assertIs(json.loads(self.post("CreateTrail", created)[2])["RecursiveLogging"], True)
        changed = {"Name": "trail", "RecursiveLogging": False}
        self.assertIs(json.loads(self.post("UpdateTrail", changed)[2])["RecursiveLogging"], False)
        kept = json.loads(self.post("GetTrail", {"Name": "trail"})[2])["Trail"]
        self.assertIs(kept["RecursiveLogging"], False)

    def test_the_region_is_the_one_of_the_signature(self):
        self.account.trail("trail")
        shown = [
            json.loads(self.post("DescribeTrails", region=region)[2]) for region in [HOME, OTHER]
        ]
        self.assertEqual([len(one["trailList"]) for one in shown], [1, 0])
