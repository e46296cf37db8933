"""Channels and their resource policies by boto3, and PutAuditEvents into them."""

import json
import re

from support import HOME, OTHER, Account, Case, body

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Channels(Case):
    def setUp(self):
        super().setUp()
        store = f"arn:aws:cloudtrail:{HOME}:{self.account.number}:eventdatastore/EXAMPLE-f852"
        self.destinations = [{"Type": "EVENT_DATA_STORE", "Location": store}]

    def create(self, name="shop", source="Custom", **members):
        given = {"Name": name, "Source": source, "Destinations": self.destinations} | members
        return body(self.cloudtrail.create_channel(**given))

    def missing(self):
        account = self.account.number
        return f"arn:aws:cloudtrail:{HOME}:{account}:channel/0a1b2c3d-0000-4000-8000-00000000cafe"


class ManageChannels(Channels):
    def test_one_is_made_and_shown(self):
        tags = [{"Key": "team", "Value": "shop"}]
        made = self.create(Tags=tags)
        arn = made.pop("ChannelArn")
        pattern = f"arn:aws:cloudtrail:{HOME}:{self.account.number}:channel/{UUID}"
        self.assertTrue(re.fullmatch(pattern, arn), arn)
        shown = {"Name": "shop", "Source": "Custom", "Destinations": self.destinations}
        self.assertEqual(made, shown | {"Tags": tags})
        for name in [arn, arn.rpartition("/")[2]]:
            got = body(self.cloudtrail.get_channel(Channel=name))
            self.assertLessEqual((shown | {"ChannelArn": arn}).items(), got.items())
        listed = body(self.cloudtrail.list_channels())
        self.assertEqual(listed, {"Channels": [{"ChannelArn": arn, "Name": "shop"}]})
        kept = self.cloudtrail.list_tags(ResourceIdList=[arn])["ResourceTagList"]
        self.assertEqual(kept, [{"ResourceId": arn, "TagsList": tags}])

    def test_name_and_destinations_are_changed(self):
        arn = self.create()["ChannelArn"]
        answer = body(self.cloudtrail.update_channel(Channel=arn, Name="store"))
        self.assertEqual(
            answer,
            {
                "ChannelArn": arn,
                "Name": "store",
                "Source": "Custom",
                "Destinations": self.destinations,
            },
        )
        other = [
            {
                "Type": "EVENT_DATA_STORE",
                "Location": self.destinations[0]["Location"].replace("f852", "f853"),
            }
        ]
        answer = self.cloudtrail.update_channel(Channel=arn, Destinations=other)
        self.assertEqual((answer["Name"], answer["Destinations"]), ("store", other))
        got = self.cloudtrail.get_channel(Channel=arn)
        self.assertEqual((got["Name"], got["Destinations"]), ("store", other))

    def test_one_is_deleted(self):
        arn = self.create()["ChannelArn"]
        self.assertEqual(body(self.cloudtrail.delete_channel(Channel=arn)), {})
        self.assertEqual(body(self.cloudtrail.list_channels()), {"Channels": []})
        with self.refused("ChannelNotFoundException"):
            self.cloudtrail.delete_channel(Channel=arn)

    def test_are_of_a_region(self):
        arn = self.create()["ChannelArn"]
        elsewhere = self.account.cloudtrail(OTHER)
        self.assertEqual(body(elsewhere.list_channels()), {"Channels": []})
        with self.refused("ChannelNotFoundException"):
            elsewhere.delete_channel(Channel=arn)

    def test_are_listed_in_pages(self):
        made = [self.create(f"channel-{number:02}")["ChannelArn"] for number in range(7)]
        listed, pages, more = [], 0, {}
        while pages == 0 or more:
            page = self.cloudtrail.list_channels(MaxResults=3, **more)
            self.assertLessEqual(len(page["Channels"]), 3)
            listed += [channel["ChannelArn"] for channel in page["Channels"]]
            more = {"NextToken": page["NextToken"]} if "NextToken" in page else {}
            pages += 1
        self.assertEqual((sorted(listed), pages), (sorted(made), 3))
        with self.refused("InvalidNextTokenException"):
            self.cloudtrail.list_channels(NextToken="not-a-token")

    def test_twenty_five_are_the_most(self):
        for number in range(25):
            self.create(f"channel-{number:02}")
        with self.refused("ChannelMaxLimitExceededException"):
            self.create("one-more")

    def test_refusals(self):
        arn = self.create()["ChannelArn"]
        other = self.create("other")["ChannelArn"]
        self.check_refusals(
            self.create,
            [
                ("the name of another", {"name": "shop"}, "ChannelAlreadyExistsException"),
                ("a short name", {"name": "ab?"}, "InvalidParameterException"),
                (
                    "no store",
                    {"Destinations": [{"Type": "EVENT_DATA_STORE", "Location": "nonsense"}]},
                    "EventDataStoreARNInvalidException",
                ),
                (
                    "a tag twice",
                    {"name": "third", "Tags": [{"Key": "a"}, {"Key": "a"}]},
                    "InvalidTagParameterException",
                ),
                (
                    "too many tags",
                    {"name": "third", "Tags": [{"Key": str(n)} for n in range(51)]},
                    "TagsLimitExceededException",
                ),
            ],
        )
        with self.refused("ChannelAlreadyExistsException"):
            self.cloudtrail.update_channel(Channel=other, Name="shop")
        for operation in ["get_channel", "update_channel", "delete_channel"]:
            call = getattr(self.cloudtrail, operation)
            self.check_refusals(
                call,
                [
                    (
                        f"{operation}: missing",
                        {"Channel": self.missing()},
                        "ChannelNotFoundException",
                    ),
                    (
                        f"{operation}: no ARN",
                        {"Channel": "arn:aws:s3:::bucket"},
                        "ChannelARNInvalidException",
                    ),
                ],
            )
        self.assertEqual(self.cloudtrail.get_channel(Channel=arn)["Name"], "shop")


class ResourcePolicies(Channels):
    def setUp(self):
        super().setUp()
        self.arn = self.create()["ChannelArn"]
        self.guest = Account()

    def policy(self, effect="Allow", **more):
        principal = {"AWS": f"arn:aws:iam::{self.guest.number}:root"}
        statement = {
            "Sid": "Guest",
            "Effect": effect,
            "Principal": principal,
            "Action": "cloudtrail-data:PutAuditEvents",
            "Resource": self.arn,
        } | more
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def put(self, policy):
        return body(
            self.cloudtrail.put_resource_policy(ResourceArn=self.arn, ResourcePolicy=policy)
        )

    def get(self):
        return body(self.cloudtrail.get_resource_policy(ResourceArn=self.arn))

    def send(self, account, **more):
        event = {
            "version": "1.0",
            "UID": "u",
            "eventTime": "2026-01-02T03:04:05Z",
            "userIdentity": {"type": "User", "principalId": "amy"},
            "eventSource": "shop.example",
            "eventName": "Buy",
            "recipientAccountId": self.account.number,
        }
        return account.client("cloudtrail-data").put_audit_events(
            channelArn=self.arn, auditEvents=[{"id": "1", "eventData": json.dumps(event)}], **more
        )

    def test_one_is_kept_as_it_was_put_and_deleted(self):
        with self.refused("ResourcePolicyNotFoundException"):
            self.get()
        for policy in [self.policy(), self.policy("Deny")]:
            expected = {"ResourceArn": self.arn, "ResourcePolicy": policy}
            answer = self.put(policy)
            self.assertLessEqual(expected.items(), answer.items())
            self.assertLessEqual(expected.items(), self.get().items())
        self.assertEqual(body(self.cloudtrail.delete_resource_policy(ResourceArn=self.arn)), {})
        for call in [
            self.get,
            lambda: self.cloudtrail.delete_resource_policy(ResourceArn=self.arn),
        ]:
            with self.refused("ResourcePolicyNotFoundException"):
                call()

    def test_a_channel_takes_events_of_its_account(self):
        answer = self.send(self.account)
        self.assertEqual((len(answer["successful"]), answer["failed"]), (1, []))

    def test_others_send_by_the_policy(self):
        errors = self.guest.client("cloudtrail-data").exceptions
        with self.assertRaises(errors.ClientError) as caught:
            self.send(self.guest)
        without = caught.exception.response["Error"]["Code"]
        self.assertIn(without, ["ChannelNotFound", "ChannelInsufficientPermission"])
        self.put(self.policy())
        self.assertEqual(len(self.send(self.guest)["successful"]), 1)
        with self.assertRaises(errors.ClientError):
            self.send(Account())
        self.put(self.policy("Deny"))
        with self.assertRaises(errors.ClientError):
            self.send(self.guest)

    def test_a_channel_that_is_deleted_takes_no_events(self):
        self.cloudtrail.delete_channel(Channel=self.arn)
        with self.refused("ChannelNotFound"):
            self.send(self.account)

    def test_refusals(self):
        self.check_refusals(
            self.put,
            [
                ("no JSON", {"policy": "{"}, "ResourcePolicyNotValidException"),
                ("no policy", {"policy": "{}"}, "ResourcePolicyNotValidException"),
                (
                    "an action of another service",
                    {"policy": self.policy(Action="s3:GetObject")},
                    "ResourcePolicyNotValidException",
                ),
                (
                    "an unknown effect",
                    {"policy": self.policy("Perhaps")},
                    "ResourcePolicyNotValidException",
                ),
                (
                    "too long",
                    {"policy": self.policy(Sid="S" * 8192)},
                    "ResourcePolicyNotValidException",
                ),
            ],
        )
        trail = self.account.trail("trail")["TrailARN"]
        calls = {
            "GetResourcePolicy": lambda arn: self.cloudtrail.get_resource_policy(ResourceArn=arn),
            "PutResourcePolicy": lambda arn: self.cloudtrail.put_resource_policy(
                ResourceArn=arn, ResourcePolicy=self.policy()
            ),
            "DeleteResourcePolicy": lambda arn: self.cloudtrail.delete_resource_policy(
                ResourceArn=arn
            ),
        }
        for operation, call in calls.items():
            for arn, exception in [
                ("nonsense", "ResourceARNNotValidException"),
                (self.missing(), "ResourceNotFoundException"),
                (trail, "ResourceTypeNotSupportedException"),
            ]:
                with self.subTest(f"{operation} of {arn}"), self.refused(exception):
                    call(arn)
