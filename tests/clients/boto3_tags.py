"""Tags by boto3, on trails and on channels."""

from botocore.exceptions import ClientError

from support import HOME, OTHER, Case


def tag(key, value=None):
    return {"Key": key} if value is None else {"Key": key, "Value": value}


def tags(count):
    return [tag(f"key-{number}", "value") for number in range(count)]


class Tags(Case):
    def setUp(self):
        super().setUp()
        self.bucket = self.account.bucket()
        self.arn = self.account.trail("trail", bucket=self.bucket)["TrailARN"]

    def add(self, *given, arn=None):
        self.cloudtrail.add_tags(ResourceId=arn or self.arn, TagsList=list(given))

    def remove(self, *given):
        self.cloudtrail.remove_tags(ResourceId=self.arn, TagsList=list(given))

    def kept(self, arn=None):
        (entry,) = self.list(arn or self.arn)
        return {one["Key"]: one.get("Value") for one in entry["TagsList"]}

    def list(self, *arns):
        return self.cloudtrail.list_tags(ResourceIdList=list(arns))["ResourceTagList"]

    def test_a_trail_without_tags_has_an_empty_list(self):
        self.assertEqual(self.list(self.arn), [{"ResourceId": self.arn, "TagsList": []}])

    def test_those_of_create_trail_are_kept(self):
        given = [tag("team", "audit"), tag("cost centre", "0815"), tag("bare")]
        made = self.account.trail("tagged", bucket=self.bucket, TagsList=given)
        self.assertEqual(
            self.list(made["TrailARN"]), [{"ResourceId": made["TrailARN"], "TagsList": given}]
        )

    def test_a_key_that_is_there_gets_the_new_value(self):
        self.add(tag("a", "1"), tag("b", "1"))
        self.add(tag("b", "2"), tag("c"))
        self.assertEqual(self.kept(), {"a": "1", "b": "2", "c": None})

    def test_are_removed_by_key_whatever_the_value(self):
        self.add(tag("a", "1"), tag("b", "1"), tag("c", "1"))
        self.remove(tag("a"), tag("b", "another"), tag("unknown", "1"))
        self.assertEqual(self.kept(), {"c": "1"})

    def test_fifty_are_the_most(self):
        self.add(*tags(50))
        self.add(*tags(50))
        with self.refused("TagsLimitExceededException"):
            self.add(tag("one more", "1"))
        self.assertEqual(len(self.kept()), 50)
        with self.refused("TagsLimitExceededException"):
            self.account.trail("tagged", bucket=self.bucket, TagsList=tags(51))

    def test_longest_key_and_value(self):
        self.add(tag("k" * 128, "v" * 256), tag("ü:/=+@-_ .", "é"))
        self.assertEqual(self.kept(), {"k" * 128: "v" * 256, "ü:/=+@-_ .": "é"})

    def test_bad_ones_are_refused_and_none_is_kept(self):
        def add(given):
            self.add(*given)

        def add_unchecked(given):
            unchecked.add_tags(ResourceId=self.arn, TagsList=given)

        def create(given):
            self.account.trail("tagged", bucket=self.bucket, TagsList=given)

        unchecked = self.account.cloudtrail(parameter_validation=False)
        good = tag("good", "1")
        for call in [add, add_unchecked, create]:
            for about, given in [
                ("twice", [good, tag("a", "1"), tag("a", "2")]),
                ("key too long", [good, tag("k" * 129, "1")]),
                ("value too long", [good, tag("a", "v" * 257)]),
                ("key of AWS", [good, tag("aws:a", "1")]),
            ]:
                with self.subTest(about), self.refused("InvalidTagParameterException"):
                    call(given)
        with self.subTest("an empty key"), self.refused("InvalidTagParameterException"):
            add_unchecked([good, tag("", "1")])
        self.assertEqual(self.kept(), {})
        self.assertEqual(len(self.cloudtrail.describe_trails()["trailList"]), 1)

    def test_of_several_resources_in_the_order_asked(self):
        second = self.account.trail("second", bucket=self.bucket, TagsList=[tag("n", "2")])
        self.add(tag("n", "1"))
        asked = [second["TrailARN"], self.arn]
        self.assertEqual([entry["ResourceId"] for entry in self.list(*asked)], asked)
        self.assertEqual(
            [entry["TagsList"] for entry in self.list(*asked)], [[tag("n", "2")], [tag("n", "1")]]
        )

    def test_by_the_paginator(self):
        self.add(tag("n", "1"))
        pages = self.cloudtrail.get_paginator("list_tags").paginate(ResourceIdList=[self.arn])
        entries = [entry for page in pages for entry in page["ResourceTagList"]]
        self.assertEqual(entries, [{"ResourceId": self.arn, "TagsList": [tag("n", "1")]}])

    def test_of_what_is_not_there(self):
        account = f"arn:aws:cloudtrail:{HOME}:{self.account.number}"
        store = f"{account}:eventdatastore/0a1b2c3d-0000-4000-8000-00000000cafe"
        channel = f"{account}:channel/0a1b2c3d-0000-4000-8000-00000000cafe"
        calls = {
            "ListTags": lambda arn: self.list(arn),
            "AddTags": lambda arn: self.add(tag("a", "1"), arn=arn),
            "RemoveTags": lambda arn: self.cloudtrail.remove_tags(
                ResourceId=arn, TagsList=[tag("a")]
            ),
        }
        for operation, call in calls.items():
            missing = "ResourceNotFoundException"
            gone = "ChannelNotFoundException" if operation != "ListTags" else missing
            for arn, exception in [
                (self.account.trail_arn("unknown"), missing),
                (channel, gone),
                (store, "EventDataStoreNotFoundException"),
                ("arn:aws:s3:::bucket", "CloudTrailARNInvalidException"),
                ("trail", "CloudTrailARNInvalidException"),
                (f"{account}:trail", "CloudTrailARNInvalidException"),
                (f"{account}:trail/a--b", "InvalidTrailNameException"),
                (f"{account}:lake/x", "ResourceTypeNotSupportedException"),
            ]:
                with self.subTest(f"{operation} of {arn}"), self.refused(exception):
                    call(arn)

    def test_twenty_resources_are_the_most_of_a_call(self):
        with self.assertRaises(ClientError) as caught:
            self.list(*[self.arn] * 21)
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 400)

    def test_a_trail_is_tagged_in_its_home_region(self):
        elsewhere = self.account.cloudtrail(OTHER)
        with self.assertRaises(ClientError) as caught:
            elsewhere.add_tags(ResourceId=self.arn, TagsList=[tag("a", "1")])
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertEqual(self.kept(), {})
