"""Three Regions by boto3: home Regions, and the shadows of multi-Region trails."""

from operations import CHANGES, trail_operations
from support import HOME, OTHER, THIRD, Case


class Shadows(Case):
    def setUp(self):
        super().setUp()
        self.bucket = self.account.bucket()
        self.account.trail("single", HOME, bucket=self.bucket)
        self.multi = self.account.trail("multi", HOME, bucket=self.bucket, IsMultiRegionTrail=True)
        self.account.trail("other", OTHER, bucket=self.bucket)

    def names(self, region, **asked):
        shown = self.account.cloudtrail(region).describe_trails(**asked)["trailList"]
        return sorted(trail["Name"] for trail in shown)

    def test_a_multi_region_trail_is_shown_in_every_region(self):
        self.assertEqual(self.names(HOME), ["multi", "single"])
        self.assertEqual(self.names(OTHER), ["multi", "other"])
        self.assertEqual(self.names(THIRD), ["multi"])
        self.assertEqual(self.names(THIRD, includeShadowTrails=True), ["multi"])

    def test_shadows_are_left_out_when_they_are_not_wanted(self):
        self.assertEqual(self.names(HOME, includeShadowTrails=False), ["multi", "single"])
        self.assertEqual(self.names(OTHER, includeShadowTrails=False), ["other"])
        self.assertEqual(self.names(THIRD, includeShadowTrails=False), [])

    def test_a_shadow_is_the_trail_itself(self):
        arn = self.multi["TrailARN"]
        home = self.trail_of("multi")
        self.assertEqual(home["HomeRegion"], HOME)
        for region in [OTHER, THIRD]:
            with self.subTest(region):
                shown = self.account.cloudtrail(region).describe_trails()["trailList"]
                self.assertIn(home, shown)
                self.assertEqual(self.trail_of(arn, region=region), home)

    def test_names_are_of_the_region_and_arns_of_all(self):
        for region in [OTHER, THIRD]:
            elsewhere = self.account.cloudtrail(region)
            for name in ["multi", "single"]:
                arn = self.account.trail_arn(name)
                with self.subTest(f"{name} in {region}"):
                    self.assertEqual(self.names(region, trailNameList=[name]), [])
                    self.assertEqual(self.names(region, trailNameList=[arn]), [name])
                    with self.not_found(name):
                        elsewhere.get_trail(Name=name)
                    self.assertEqual(self.trail_of(arn, region=region)["Name"], name)

    def test_the_status_of_a_shadow_is_asked_by_arn(self):
        self.cloudtrail.start_logging(Name="multi")
        for region in [HOME, OTHER, THIRD]:
            elsewhere = self.account.cloudtrail(region)
            status = elsewhere.get_trail_status(Name=self.multi["TrailARN"])
            self.assertTrue(status["IsLogging"], region)
            with self.subTest(region):
                asked = elsewhere.get_event_selectors(TrailName=self.multi["TrailARN"])
                self.assertEqual(asked["TrailARN"], self.multi["TrailARN"])

    def test_a_trail_is_changed_in_its_home_region_only(self):
        for name in ["multi", "single"]:
            arn, before = self.account.trail_arn(name), self.trail_of(name)
            for region in [OTHER, THIRD]:
                operations = trail_operations(self.account.cloudtrail(region), arn)
                for operation in CHANGES:
                    with self.subTest(f"{operation} of {name} in {region}"):
                        with self.refused("InvalidHomeRegionException"):
                            operations[operation]()
            self.assertEqual(self.trail_of(name), before)
            self.assertFalse(self.cloudtrail.get_trail_status(Name=name)["IsLogging"])

    def test_shadows_come_and_go_with_the_setting(self):
        self.cloudtrail.update_trail(Name="multi", IsMultiRegionTrail=False)
        self.assertEqual(self.names(THIRD), [])
        self.cloudtrail.update_trail(Name="single", IsMultiRegionTrail=True)
        self.assertEqual(self.names(THIRD), ["single"])
        self.cloudtrail.delete_trail(Name="single")
        self.assertEqual(self.names(THIRD), [])

    def test_a_name_is_taken_where_its_shadow_is(self):
        text = f"Trail multi already exists for customer: {self.account.number}"
        with self.refused("TrailAlreadyExistsException", text):
            self.account.cloudtrail(THIRD).create_trail(Name="multi", S3BucketName=self.bucket)

    def test_one_name_in_two_regions_is_two_trails(self):
        made = self.account.trail("single", THIRD, bucket=self.bucket, S3KeyPrefix="third")
        self.assertEqual(made["TrailARN"], self.account.trail_arn("single", THIRD))
        self.account.cloudtrail(THIRD).delete_trail(Name="single")
        self.assertEqual(self.trail_of("single")["TrailARN"], self.account.trail_arn("single"))

    def test_a_topic_by_name_is_of_the_home_region(self):
        topic = self.account.topic(region=OTHER)
        made = self.account.trail("news", OTHER, bucket=self.bucket, SnsTopicName=topic)
        self.assertEqual(made["SnsTopicARN"], f"arn:aws:sns:{OTHER}:{self.account.number}:{topic}")
        with self.refused("InsufficientSnsTopicPolicyException"):
            self.cloudtrail.create_trail(Name="news", S3BucketName=self.bucket, SnsTopicName=topic)
