"""Event selectors and event configuration by boto3: every field, limit and text."""

from support import Case, body

DEFAULT = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}
S3, LAMBDA, DYNAMODB = "AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table"
BOTH = (
    "You can select events by using either EventSelectors or AdvancedEventSelectors, but not both."
)
NO_CATEGORY = "The following fields are required: [eventCategory]."
NO_TYPE = "The resources.type field value is not valid."
FUNCTION = "arn:aws:lambda:eu-west-1:111111111111:function:f"


def field(name, **operators):
    return {"Field": name, **operators}


def category(name):
    return field("eventCategory", Equals=[name])


def data(kind, *more):
    """The field selectors of data events of one type."""
    return [category("Data"), field("resources.type", Equals=[kind]), *more]


def resources(kind, values):
    return [{"DataResources": [{"Type": kind, "Values": values}]}]


def bad_arn(arn):
    return f"The specified ARN {arn} is not valid. Verify that the ARN is properly formatted."


class Selectors(Case):
    def setUp(self):
        super().setUp()
        self.arn = self.account.trail("trail")["TrailARN"]

    def put(self, **selectors):
        return body(self.cloudtrail.put_event_selectors(TrailName="trail", **selectors))

    def put_advanced(self, *field_selectors):
        return self.put(AdvancedEventSelectors=[{"FieldSelectors": list(field_selectors)}])

    def get(self):
        return body(self.cloudtrail.get_event_selectors(TrailName="trail"))

    def refuse(self, rows):
        """Each row: what it is about, the call's selectors, and maybe the text."""
        exception = "InvalidEventSelectorsException"
        self.check_refusals(
            self.put, [(about, given, exception, *text) for about, given, *text in rows]
        )

    def refuse_advanced(self, rows):
        """Each row: what it is about, the selector's field selectors, and maybe the text."""
        self.refuse(
            (about, {"AdvancedEventSelectors": [{"FieldSelectors": fields}]}, *text)
            for about, fields, *text in rows
        )


class Defaults(Selectors):
    def test_a_new_trail_takes_all_management_events(self):
        self.assertEqual(self.get(), {"TrailARN": self.arn, "EventSelectors": [DEFAULT]})
        self.assertFalse(self.trail_of("trail")["HasCustomEventSelectors"])

    def test_a_trail_that_was_told_has_custom_selectors(self):
        self.put(EventSelectors=[{"ReadWriteType": "WriteOnly"}])
        self.assertTrue(self.trail_of("trail")["HasCustomEventSelectors"])
        shown = self.cloudtrail.describe_trails()["trailList"]
        self.assertTrue(shown[0]["HasCustomEventSelectors"])

    def test_by_name_and_by_arn(self):
        given = [DEFAULT | {"ReadWriteType": "ReadOnly"}]
        answer = self.cloudtrail.put_event_selectors(TrailName=self.arn, EventSelectors=given)
        self.assertEqual(answer["TrailARN"], self.arn)
        for name in ["trail", self.arn]:
            shown = self.cloudtrail.get_event_selectors(TrailName=name)
            self.assertEqual(shown["EventSelectors"], given)


class Basic(Selectors):
    def test_each_is_answered_and_kept_with_its_defaults(self):
        values = ["arn:aws:s3:::b1/", "arn:aws:s3:::b2/pre"]
        for given in [
            {},
            {"ReadWriteType": "ReadOnly"},
            {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True},
            {"DataResources": [{"Type": S3, "Values": values}], "IncludeManagementEvents": False},
            {"DataResources": [{"Type": S3, "Values": ["arn:aws:s3"]}]},
            {"DataResources": [{"Type": S3, "Values": ["arn:aws:s3:::"]}]},
            {"DataResources": [{"Type": LAMBDA, "Values": ["arn:aws:lambda"]}]},
            {"DataResources": [{"Type": LAMBDA, "Values": [FUNCTION]}]},
            {"DataResources": [{"Type": DYNAMODB, "Values": ["arn:aws:dynamodb"]}]},
            {"ExcludeManagementEventSources": ["kms.amazonaws.com"]},
            {"ExcludeManagementEventSources": ["kms.amazonaws.com", "rdsdata.amazonaws.com"]},
        ]:
            with self.subTest(str(given)):
                expected = {"TrailARN": self.arn, "EventSelectors": [DEFAULT | given]}
                self.assertEqual(self.put(EventSelectors=[given]), expected)
                self.assertEqual(self.get(), expected)

    def test_five_are_the_most_and_each_put_replaces_all(self):
        five = [DEFAULT | {"ReadWriteType": "ReadOnly"}] * 5
        self.assertEqual(self.put(EventSelectors=five)["EventSelectors"], five)
        self.assertEqual(self.put(EventSelectors=five[:2])["EventSelectors"], five[:2])
        self.assertEqual(self.get()["EventSelectors"], five[:2])

    def test_250_resources_are_the_most(self):
        buckets = [f"arn:aws:s3:::bucket-{number}/" for number in range(251)]
        self.put(EventSelectors=resources(S3, buckets[:250]))
        split = resources(S3, buckets[:200]) + resources(S3, buckets[200:])
        self.refuse(
            [
                ("one selector", {"EventSelectors": resources(S3, buckets)}),
                ("two selectors", {"EventSelectors": split}),
            ]
        )

    def test_refusals(self):
        count = "Specify a valid number of selectors (1 to 5) for your trail"
        star = "Value arn:aws:s3:::* for DataResources.Values is invalid."
        without = {"IncludeManagementEvents": False}
        self.refuse(
            [
                ("none", {"EventSelectors": []}, count),
                ("six", {"EventSelectors": [{}] * 6}),
                (
                    "a type of call",
                    {"EventSelectors": [{"ReadWriteType": "read-only"}]},
                    "Value read-only for ReadWriteType is invalid.",
                ),
                ("a wildcard", {"EventSelectors": resources(S3, ["arn:aws:s3:::*"])}, star),
                ("another service's ARN", {"EventSelectors": resources(S3, ["arn:aws:lambda"])}),
                ("no ARN", {"EventSelectors": resources(LAMBDA, ["f"])}),
                ("another type", {"EventSelectors": resources("AWS::SQS::Queue", ["arn:aws:sqs"])}),
                (
                    "another source",
                    {"EventSelectors": [{"ExcludeManagementEventSources": ["s3.amazonaws.com"]}]},
                ),
                (
                    "a source where nothing is taken",
                    {
                        "EventSelectors": [
                            without | {"ExcludeManagementEventSources": ["kms.amazonaws.com"]}
                        ]
                    },
                ),
            ]
        )
        self.assertEqual(self.get()["EventSelectors"], [DEFAULT], "nothing was changed")


class Advanced(Selectors):
    def test_each_category_is_answered_as_it_was_sent_and_kept(self):
        bucket = "arn:aws:s3:::bucket/"
        network = [category("NetworkActivity"), field("eventSource", Equals=["ec2.amazonaws.com"])]
        for given in [
            [category("Management")],
            [category("Management"), field("readOnly", Equals=["true"])],
            [category("Management"), field("eventSource", NotEquals=["kms.amazonaws.com"])],
            data(S3),
            data("AWS::SQS::Queue", field("readOnly", Equals=["false"])),
            data(S3, field("resources.ARN", StartsWith=[bucket], NotStartsWith=[bucket + "tmp/"])),
            data(S3, field("resources.ARN", Equals=[bucket + "key"])),
            data(LAMBDA, field("resources.ARN", EndsWith=[":$LATEST"])),
            data(S3, field("eventName", Equals=["PutObject", "GetObject"], NotEndsWith=["Acl"])),
            data(S3, field("userIdentity.arn", NotStartsWith=["arn:aws:sts::111111111111:"])),
            data(S3, field("sessionCredentialFromConsole", Equals=["true"])),
            data(S3, field("eventType", NotEquals=["AwsServiceEvent"])),
            network,
            [*network, field("errorCode", Equals=["VpceAccessDenied"])],
            [
                *network,
                field("vpcEndpointId", Equals=["vpce-1"]),
                field("eventName", EndsWith=["s"]),
            ],
            [*network, field("userIdentity.arn", StartsWith=["arn:aws:sts::"])],
        ]:
            with self.subTest(str(given)):
                selector = {"Name": "one", "FieldSelectors": given}
                answer = self.put(AdvancedEventSelectors=[selector])
                expected = {"TrailARN": self.arn, "AdvancedEventSelectors": [selector]}
                self.assertEqual(answer, expected)
                (kept,) = self.get()["AdvancedEventSelectors"]
                ordered = sorted(given, key=lambda one: one["Field"])
                self.assertEqual(kept, {"Name": "one", "FieldSelectors": ordered})

    def test_get_sorts_the_fields_by_name(self):
        shuffled = [
            field("resources.type", Equals=[S3]),
            field("resources.ARN", StartsWith=["arn:aws:s3:::bucket/"]),
            field("readOnly", Equals=["true"]),
            category("Data"),
        ]
        answer = self.put_advanced(*shuffled)
        self.assertEqual(answer["AdvancedEventSelectors"][0]["FieldSelectors"], shuffled)
        kept = self.get()["AdvancedEventSelectors"][0]["FieldSelectors"]
        order = ["eventCategory", "readOnly", "resources.ARN", "resources.type"]
        self.assertEqual([one["Field"] for one in kept], order)

    def test_a_selector_without_a_name_gets_none(self):
        self.assertNotIn(
            "Name", self.put_advanced(category("Management"))["AdvancedEventSelectors"][0]
        )
        self.assertNotIn("Name", self.get()["AdvancedEventSelectors"][0])

    def test_basic_and_advanced_replace_each_other(self):
        self.put_advanced(category("Management"))
        self.assertNotIn("EventSelectors", self.get())
        self.put(EventSelectors=[{}])
        self.assertEqual(self.get(), {"TrailARN": self.arn, "EventSelectors": [DEFAULT]})

    def test_500_values_are_the_most(self):
        names = [f"Get{number}" for number in range(500)]
        # Those of eventCategory and resources.type count, too.
        self.put_advanced(*data(S3, field("eventName", Equals=names[:498])))
        self.refuse_advanced([("501", data(S3, field("eventName", Equals=names[:499])))])

    def test_refusals_of_the_call(self):
        count = "Specify between 1 and 500 selectors for your trail."
        one = [{"FieldSelectors": [category("Management")]}]
        self.refuse(
            [
                ("both", {"EventSelectors": [{}], "AdvancedEventSelectors": one}, BOTH),
                ("neither", {}),
                ("an empty list", {"AdvancedEventSelectors": []}, count),
            ]
        )

    def test_refusals_of_a_selector(self):
        unlike = "AWS::No::Type"
        self.refuse_advanced(
            [
                ("no category", [field("readOnly", Equals=["true"])], NO_CATEGORY),
                ("an unknown category", [category("Everything")]),
                ("two categories", [field("eventCategory", Equals=["Management", "Data"])]),
                ("a category by another operator", [field("eventCategory", StartsWith=["Data"])]),
                ("an unknown field", [category("Management"), field("colour", Equals=["red"])]),
                ("a field without operators", [category("Management"), field("readOnly")]),
                ("readOnly", [category("Management"), field("readOnly", Equals=["yes"])]),
                (
                    "readOnly by another operator",
                    [category("Management"), field("readOnly", NotEquals=["true"])],
                ),
                ("data without a type", [category("Data")]),
                ("an unknown type", data(unlike), NO_TYPE),
                ("two types", [category("Data"), field("resources.type", Equals=[S3, LAMBDA])]),
                (
                    "a type on management events",
                    [category("Management"), field("resources.type", Equals=[S3])],
                ),
                ("network activity without a source", [category("NetworkActivity")]),
                (
                    "network activity of two sources",
                    [
                        category("NetworkActivity"),
                        field("eventSource", Equals=["ec2.amazonaws.com", "kms.amazonaws.com"]),
                    ],
                ),
                (
                    "network activity of an unknown source",
                    [
                        category("NetworkActivity"),
                        field("eventSource", Equals=["no.amazonaws.com"]),
                    ],
                ),
                (
                    "another error",
                    [
                        category("NetworkActivity"),
                        field("eventSource", Equals=["ec2.amazonaws.com"]),
                        field("errorCode", Equals=["AccessDenied"]),
                    ],
                ),
                (
                    "not from the console",
                    data(S3, field("sessionCredentialFromConsole", Equals=["false"])),
                ),
            ]
        )

    def test_exact_arns_must_be_of_the_type(self):
        rows = []
        for kind, arn in [
            (S3, "arn:aws:s3:::bucket/*/"[:-2]),
            (S3, "bucket/key"),
            (LAMBDA, FUNCTION + ":1"),
            (LAMBDA, FUNCTION + ":alias"),
            (LAMBDA, FUNCTION + ":$LATEST"),
            (LAMBDA, "arn:aws:s3:::bucket/key"),
        ]:
            for operator in ["Equals", "NotEquals"]:
                fields = data(kind, field("resources.ARN", **{operator: [arn]}))
                rows.append((f"{operator} {arn}", fields, bad_arn(arn)))
        self.refuse_advanced(rows[2:])
        self.put_advanced(*data(LAMBDA, field("resources.ARN", StartsWith=["anything"])))
        self.put_advanced(*data(LAMBDA, field("resources.ARN", Equals=[FUNCTION])))


class EventConfiguration(Selectors):
    def put(self, *templates, **more):
        aggregation = {"EventCategory": "Data", "Templates": list(templates)}
        given = {"TrailName": "trail", "AggregationConfigurations": [aggregation]} | more
        return body(self.cloudtrail.put_event_configuration(**given))

    def with_data_events(self):
        selectors = resources(S3, ["arn:aws:s3"])
        self.cloudtrail.put_event_selectors(TrailName="trail", EventSelectors=selectors)

    def test_is_answered_and_kept(self):
        self.with_data_events()
        for templates in [["API_ACTIVITY"], ["RESOURCE_ACCESS", "USER_ACTIONS"]]:
            with self.subTest(str(templates)):
                aggregation = {"EventCategory": "Data", "Templates": templates}
                expected = {"TrailARN": self.arn, "AggregationConfigurations": [aggregation]}
                self.assertEqual(self.put(*templates), expected)
                kept = body(self.cloudtrail.get_event_configuration(TrailName="trail"))
                self.assertEqual(kept, expected)
        self.put(AggregationConfigurations=[])
        kept = body(self.cloudtrail.get_event_configuration(TrailName="trail"))
        self.assertFalse(kept.get("AggregationConfigurations"))

    def test_a_trail_must_log_data_events(self):
        with self.refused("InvalidParameterException"):
            self.put("API_ACTIVITY")

    def test_refusals(self):
        self.with_data_events()
        store = "arn:aws:cloudtrail:eu-west-1:111111111111:eventdatastore/0a1b2c3d"
        with self.subTest("both"), self.refused("InvalidParameterCombinationException"):
            self.put("API_ACTIVITY", EventDataStore=store)
        for operation in ["get_event_configuration", "put_event_configuration"]:
            with self.subTest(f"{operation} of nothing"):
                with self.assertRaises(self.cloudtrail.exceptions.ClientError) as caught:
                    getattr(self.cloudtrail, operation)()
                code = caught.exception.response["Error"]["Code"]
                self.assertIn(
                    code, ["InvalidParameterCombinationException", "InvalidParameterException"]
                )
        with self.subTest("template"), self.refused("InvalidParameterException"):
            self.put("NO_SUCH_TEMPLATE")
        with self.subTest("category"), self.refused("InvalidParameterException"):
            self.put(
                AggregationConfigurations=[
                    {"EventCategory": "Management", "Templates": ["API_ACTIVITY"]}
                ]
            )
