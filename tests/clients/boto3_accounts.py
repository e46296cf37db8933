"""Two accounts by boto3: operation by operation, one sees and changes nothing of the other's.

Whatever account B asks about A's trails and channels, it is answered as about what never existed:
the same exception and the same text, but for the name that it asked by.
"""

from botocore.exceptions import ClientError

from operations import channel_operations, tag_operations, trail_operations
from support import HOME, Account, Case, body


class TwoAccounts(Case):
    def setUp(self):
        super().setUp()
        self.stranger = Account()
        bucket, tags = self.account.bucket(), [{"Key": "team", "Value": "audit"}]
        self.account.trail("secret", bucket=bucket, TagsList=tags, IsMultiRegionTrail=True)
        self.cloudtrail.start_logging(Name="secret")
        store = f"arn:aws:cloudtrail:{HOME}:{self.account.number}:eventdatastore/EXAMPLE-f852"
        self.channel = self.cloudtrail.create_channel(
            Name="secret",
            Source="Custom",
            Destinations=[{"Type": "EVENT_DATA_STORE", "Location": store}],
            Tags=tags,
        )["ChannelArn"]
        self.arn = self.account.trail_arn("secret")
        self.before = self.everything()

    def everything(self):
        """All that A can see of what is A's."""
        cloudtrail = self.cloudtrail
        return [
            body(cloudtrail.describe_trails()),
            body(cloudtrail.get_trail_status(Name="secret")),
            body(cloudtrail.get_event_selectors(TrailName="secret")),
            body(cloudtrail.list_tags(ResourceIdList=[self.arn, self.channel])),
            body(cloudtrail.get_channel(Channel=self.channel)),
            body(cloudtrail.list_channels()),
        ]

    def answer(self, call, name):
        """How a call is refused, with the name that was asked by taken out."""
        with self.assertRaises(ClientError) as caught:
            call()
        error = caught.exception.response["Error"]
        text = error["Message"].replace(name, "NAME").replace(name.rpartition("/")[2], "NAME")
        return error["Code"], text

    def check(self, operations, theirs, nothing):
        """B is answered the same about what is A's as about what is not there."""
        cloudtrail = self.stranger.cloudtrail()
        for operation in operations(cloudtrail, theirs):
            with self.subTest(operation):
                about_theirs = self.answer(operations(cloudtrail, theirs)[operation], theirs)
                about_nothing = self.answer(operations(cloudtrail, nothing)[operation], nothing)
                self.assertEqual(about_theirs, about_nothing)
                self.assertNotIn(self.account.number, about_theirs[1])
        self.assertEqual(self.everything(), self.before, "and nothing was changed")

    def test_a_trail_by_name(self):
        cloudtrail = self.stranger.cloudtrail()
        for operation, call in trail_operations(cloudtrail, "secret").items():
            with self.subTest(operation), self.refused("TrailNotFoundException"):
                call()
        self.assertEqual(self.everything(), self.before)

    def test_a_trail_by_arn(self):
        self.check(trail_operations, self.arn, self.arn.replace("secret", "nothing"))

    def test_the_tags_of_a_trail(self):
        self.check(tag_operations, self.arn, self.arn.replace("secret", "nothing"))

    def test_the_tags_of_a_channel(self):
        self.check(tag_operations, self.channel, nothing(self.channel))

    def test_a_channel(self):
        self.check(channel_operations, self.channel, nothing(self.channel))

    def test_what_lists_all_lists_nothing(self):
        for region in [HOME, "us-east-1"]:
            cloudtrail = self.stranger.cloudtrail(region)
            with self.subTest(region):
                self.assertEqual(body(cloudtrail.describe_trails()), {"trailList": []})
                asked = cloudtrail.describe_trails(trailNameList=["secret", self.arn])
                self.assertEqual(body(asked), {"trailList": []})
                self.assertEqual(body(cloudtrail.list_trails()), {"Trails": []})
                self.assertEqual(body(cloudtrail.list_channels()), {"Channels": []})

    def test_both_may_have_a_trail_of_one_name_in_one_bucket(self):
        bucket = self.account.bucket()
        for account in [self.account, self.stranger]:
            account.trail("shared", bucket=bucket)
        self.stranger.cloudtrail().delete_trail(Name="shared")
        self.assertEqual(self.trail_of("shared")["TrailARN"], self.account.trail_arn("shared"))

    def test_quotas_are_of_an_account(self):
        bucket = self.account.bucket()
        for number in range(4):
            self.account.trail(f"trail-{number}", bucket=bucket)
        self.stranger.trail("first", bucket=bucket)


def nothing(arn):
    return arn.rpartition("/")[0] + "/0a1b2c3d-0000-4000-8000-00000000cafe"
