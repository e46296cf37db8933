"""Insight selectors by boto3."""

from support import Case, body

CALLS = {"InsightType": "ApiCallRateInsight"}
ERRORS = {"InsightType": "ApiErrorRateInsight"}


class InsightSelectors(Case):
    def setUp(self):
        super().setUp()
        self.arn = self.account.trail("trail")["TrailARN"]

    def put(self, *selectors, **more):
        given = {"TrailName": "trail", "InsightSelectors": list(selectors)} | more
        return body(self.cloudtrail.put_insight_selectors(**given))

    def get(self, name="trail"):
        return body(self.cloudtrail.get_insight_selectors(TrailName=name))

    def not_enabled(self):
        text = (
            f"Trail {self.arn} does not have Insights enabled. "
            "Edit the trail settings to enable Insights, and then try the operation again."
        )
        return self.refused("InsightNotEnabledException", text)

    def has_insight_selectors(self):
        return self.trail_of("trail")["HasInsightSelectors"]

    def test_are_answered_and_kept_and_each_put_replaces_all(self):
        for given in [[CALLS], [CALLS, ERRORS], [ERRORS]]:
            with self.subTest(str(given)):
                expected = {"TrailARN": self.arn, "InsightSelectors": given}
                self.assertEqual(self.put(*given), expected)
                self.assertEqual(self.get(), expected)
                self.assertEqual(self.get(self.arn), expected)
                self.assertTrue(self.has_insight_selectors())

    def test_none_are_a_refusal(self):
        with self.not_enabled():
            self.get()
        self.assertFalse(self.has_insight_selectors())

    def test_an_empty_list_turns_them_off(self):
        self.put(CALLS)
        self.put()
        with self.not_enabled():
            self.get()
        self.assertFalse(self.has_insight_selectors())

    def test_refusals(self):
        store = "arn:aws:cloudtrail:eu-west-1:111111111111:eventdatastore/EXAMPLE-f852"
        with self.subTest("both"), self.refused("InvalidParameterCombinationException"):
            self.put(CALLS, EventDataStore=store)
        with self.subTest("an unknown type"), self.refused("InvalidInsightSelectorsException"):
            self.put({"InsightType": "Mood"})
        with self.subTest("unknown"), self.refused("TrailNotFoundException"):
            self.put(CALLS, TrailName="unknown")
        with self.subTest("unknown"), self.refused("TrailNotFoundException"):
            self.get("unknown")
