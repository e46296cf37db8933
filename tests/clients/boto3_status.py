"""GetTrailStatus by boto3, as deliveries go well and badly. Calls of the API are the events."""

from support import HOME, Case, eventually, iso


class Status(Case):
    def setUp(self):
        super().setUp()
        self.bucket, self.topic = self.account.bucket(), self.account.topic()
        self.account.trail("trail", bucket=self.bucket, SnsTopicName=self.topic)
        self.cloudtrail.start_logging(Name="trail")

    def status(self):
        """Asks, which is an event for the trail to deliver."""
        return self.cloudtrail.get_trail_status(Name="trail")

    def until(self, what, holds):
        def ask():
            status = self.status()
            return status if holds(status) else None

        return eventually(what, ask)

    def test_a_delivery_and_its_notice_are_told_in_three_ways_each(self):
        status = self.until(
            "a delivery and a notice",
            lambda status: "LatestDeliveryTime" in status and "LatestNotificationTime" in status,
        )
        for what in ["Delivery", "Notification"]:
            with self.subTest(what):
                text = iso(status[f"Latest{what}Time"])
                self.assertEqual(status[f"Latest{what}AttemptSucceeded"], text)
                self.assertGreaterEqual(status[f"Latest{what}AttemptTime"], text)
                self.assertNotIn(f"Latest{what}Error", status)
                self.assertGreaterEqual(
                    status[f"Latest{what}Time"].replace(microsecond=0),
                    status["StartLoggingTime"].replace(microsecond=0),
                )

    def test_a_bucket_that_is_gone_is_told_by_its_code_until_it_is_back(self):
        before = self.until("a delivery", lambda status: "LatestDeliveryTime" in status)
        self.account.delete_bucket(self.bucket)
        status = self.until("an error", lambda status: "LatestDeliveryError" in status)
        self.assertEqual(status["LatestDeliveryError"], "NoSuchBucket")
        self.assertGreaterEqual(status["LatestDeliveryTime"], before["LatestDeliveryTime"])
        self.account.make_bucket(self.bucket)
        after = self.until("a success", lambda status: "LatestDeliveryError" not in status)
        self.assertGreater(after["LatestDeliveryTime"], status["LatestDeliveryTime"])

    def test_a_topic_that_is_gone_is_told_and_a_good_one_clears_it(self):
        arn = f"arn:aws:sns:{HOME}:{self.account.number}:{self.topic}"
        self.account.client("sns").delete_topic(TopicArn=arn)
        status = self.until("an error", lambda status: "LatestNotificationError" in status)
        self.assertTrue(status["LatestNotificationError"])
        self.assertNotIn("LatestDeliveryError", status)
        self.cloudtrail.update_trail(Name="trail", SnsTopicName=self.account.topic())
        self.until("no error", lambda status: "LatestNotificationError" not in status)

    def test_deliveries_of_one_trail_are_none_of_another_s(self):
        self.account.trail("other", bucket=self.bucket)
        self.until("a delivery", lambda status: "LatestDeliveryTime" in status)
        other = self.cloudtrail.get_trail_status(Name="other")
        self.assertNotIn("LatestDeliveryTime", other)
        self.assertFalse(other["IsLogging"])
