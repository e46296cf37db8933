"""An organization by boto3: its management account, a delegated administrator, members, strangers.

The daemon's configuration has it: CAIRN_ORGANIZATION names the management account and its members.
"""

import os

from operations import CHANGES, tag_operations, trail_operations
from support import HOME, OTHER, Account, Case, body

MANAGEMENT, *MEMBERS = os.environ["CAIRN_ORGANIZATION"].split()
# What a member meets that would change a trail of its organization.
NOT_A_MEMBERS = {"OperationNotPermittedException", "NotOrganizationMasterAccountException"}


class Organization(Case):
    def setUp(self):
        super().setUp()
        self.stranger, self.account = self.account, Account(MANAGEMENT)
        self.members = [Account(number) for number in MEMBERS]
        self.member = self.members[0]
        self.cloudtrail = self.account.cloudtrail()
        self.addCleanup(self.leave_nothing)

    def leave_nothing(self):
        for account in [self.account, *self.members]:
            for trail in account.cloudtrail().list_trails()["Trails"]:
                if trail["TrailARN"].split(":")[4] == account.number:
                    account.cloudtrail(trail["HomeRegion"]).delete_trail(Name=trail["TrailARN"])
        for member in self.members:
            try:
                self.deregister(member)
            except self.cloudtrail.exceptions.ClientError:
                pass  # it was none

    def register(self, account):
        self.cloudtrail.register_organization_delegated_admin(MemberAccountId=account.number)

    def deregister(self, account):
        self.cloudtrail.deregister_organization_delegated_admin(
            DelegatedAdminAccountId=account.number
        )

    def create(self, name="org", account=None, **members):
        return (account or self.account).trail(name, IsOrganizationTrail=True, **members)


class OrganizationTrails(Organization):
    def test_belong_to_the_management_account(self):
        made = self.create()
        self.assertTrue(made["IsOrganizationTrail"])
        self.assertEqual(made["TrailARN"], self.account.trail_arn("org"))
        self.assertTrue(self.trail_of("org")["IsOrganizationTrail"])

    def test_are_seen_by_every_member(self):
        made = self.create(IsMultiRegionTrail=True)
        self.cloudtrail.start_logging(Name="org")
        arn, shown = made["TrailARN"], self.trail_of("org")
        for member in self.members:
            for region in [HOME, OTHER]:
                cloudtrail = member.cloudtrail(region)
                with self.subTest(f"{member.number} in {region}"):
                    self.assertEqual(cloudtrail.describe_trails()["trailList"], [shown])
                    self.assertEqual(cloudtrail.get_trail(Name=arn)["Trail"], shown)
                    self.assertTrue(cloudtrail.get_trail_status(Name=arn)["IsLogging"])
                    listed = {"TrailARN": arn, "Name": "org", "HomeRegion": HOME}
                    self.assertEqual(cloudtrail.list_trails()["Trails"], [listed])

    def test_of_one_region_are_seen_there(self):
        self.create()
        self.assertEqual(len(self.member.cloudtrail(HOME).describe_trails()["trailList"]), 1)
        self.assertEqual(self.member.cloudtrail(OTHER).describe_trails()["trailList"], [])

    def test_are_named_by_members_by_arn(self):
        self.create()
        with self.not_found("org", self.member):
            self.member.cloudtrail().get_trail(Name="org")

    def test_are_changed_by_no_member(self):
        arn, cloudtrail = self.create()["TrailARN"], self.member.cloudtrail()
        before = self.trail_of("org")
        operations = trail_operations(cloudtrail, arn) | tag_operations(cloudtrail, arn)
        for operation in [*CHANGES, "AddTags", "RemoveTags"]:
            with self.subTest(operation):
                with self.assertRaises(cloudtrail.exceptions.ClientError) as caught:
                    operations[operation]()
                self.assertIn(caught.exception.response["Error"]["Code"], NOT_A_MEMBERS)
        self.assertEqual(self.trail_of("org"), before)

    def test_are_made_by_no_member(self):
        with self.refused("NotOrganizationMasterAccountException"):
            self.create(account=self.member)
        self.member.trail("own")
        with self.refused("NotOrganizationMasterAccountException"):
            self.member.cloudtrail().update_trail(Name="own", IsOrganizationTrail=True)

    def test_need_an_organization(self):
        with self.refused("OrganizationsNotInUseException"):
            self.create(account=self.stranger)

    def test_are_not_seen_by_others(self):
        arn = self.create(IsMultiRegionTrail=True)["TrailARN"]
        cloudtrail = self.stranger.cloudtrail()
        self.assertEqual(body(cloudtrail.describe_trails()), {"trailList": []})
        self.assertEqual(body(cloudtrail.describe_trails(trailNameList=[arn])), {"trailList": []})
        with self.refused("TrailNotFoundException"):
            cloudtrail.get_trail(Name=arn)

    def test_become_ordinary_ones_and_back(self):
        self.create()
        updated = self.cloudtrail.update_trail(Name="org", IsOrganizationTrail=False)
        self.assertFalse(updated["IsOrganizationTrail"])
        self.assertEqual(self.member.cloudtrail().describe_trails()["trailList"], [])
        updated = self.cloudtrail.update_trail(Name="org", IsOrganizationTrail=True)
        self.assertTrue(updated["IsOrganizationTrail"])
        self.assertEqual(len(self.member.cloudtrail().describe_trails()["trailList"]), 1)

    def test_members_keep_trails_of_their_own(self):
        self.create()
        self.member.trail("own")
        shown = self.member.cloudtrail().describe_trails()["trailList"]
        self.assertEqual({trail["Name"] for trail in shown}, {"own", "org"})
        self.assertEqual(len(self.cloudtrail.describe_trails()["trailList"]), 1)
        with self.refused("TrailNotFoundException"):
            self.cloudtrail.get_trail(Name=self.member.trail_arn("own"))


class DelegatedAdministrators(Organization):
    def test_manage_the_organization_s_trails_and_own_none(self):
        self.register(self.member)
        made = self.create(account=self.member)
        arn = self.account.trail_arn("org")
        self.assertEqual(made["TrailARN"], arn)
        cloudtrail = self.member.cloudtrail()
        self.assertTrue(self.trail_of("org")["IsOrganizationTrail"])
        cloudtrail.start_logging(Name=arn)
        self.assertTrue(self.cloudtrail.get_trail_status(Name="org")["IsLogging"])
        cloudtrail.update_trail(Name=arn, S3KeyPrefix="q")
        self.assertEqual(self.trail_of("org")["S3KeyPrefix"], "q")
        cloudtrail.put_event_selectors(
            TrailName=arn, EventSelectors=[{"ReadWriteType": "ReadOnly"}]
        )
        cloudtrail.stop_logging(Name=arn)
        cloudtrail.delete_trail(Name=arn)
        self.assertEqual(self.cloudtrail.describe_trails()["trailList"], [])

    def test_do_not_change_what_is_the_management_account_s_own(self):
        self.register(self.member)
        self.account.trail("own")
        with self.refused("TrailNotFoundException"):
            self.member.cloudtrail().delete_trail(Name=self.account.trail_arn("own"))

    def test_are_members_again_when_deregistered(self):
        self.register(self.member)
        arn = self.create(account=self.member)["TrailARN"]
        self.deregister(self.member)
        with self.assertRaises(self.cloudtrail.exceptions.ClientError) as caught:
            self.member.cloudtrail().delete_trail(Name=arn)
        self.assertIn(caught.exception.response["Error"]["Code"], NOT_A_MEMBERS)
        with self.refused("NotOrganizationMasterAccountException"):
            self.create("second", self.member)

    def test_are_three_at_most(self):
        for member in self.members[:3]:
            self.register(member)
        with self.refused("DelegatedAdminAccountLimitExceededException"):
            self.register(self.members[3])
        self.deregister(self.members[0])
        self.register(self.members[3])

    def test_refusals(self):
        admin = self.cloudtrail
        self.register(self.member)
        self.check_refusals(
            lambda by, **number: by.register_organization_delegated_admin(**number),
            [
                (
                    "again",
                    {"by": admin, "MemberAccountId": MEMBERS[0]},
                    "AccountRegisteredException",
                ),
                (
                    "a stranger",
                    {"by": admin, "MemberAccountId": self.stranger.number},
                    "AccountNotFoundException",
                ),
                (
                    "itself",
                    {"by": admin, "MemberAccountId": MANAGEMENT},
                    "CannotDelegateManagementAccountException",
                ),
                (
                    "by a member",
                    {"by": self.members[1].cloudtrail(), "MemberAccountId": MEMBERS[2]},
                    "NotOrganizationManagementAccountException",
                ),
                (
                    "by an administrator",
                    {"by": self.member.cloudtrail(), "MemberAccountId": MEMBERS[2]},
                    "NotOrganizationManagementAccountException",
                ),
                (
                    "without one",
                    {"by": self.stranger.cloudtrail(), "MemberAccountId": MEMBERS[2]},
                    "OrganizationsNotInUseException",
                ),
                (
                    "no number",
                    {"by": admin, "MemberAccountId": "twelve-digit"},
                    "InvalidParameterException",
                ),
            ],
        )
        self.check_refusals(
            lambda by, **number: by.deregister_organization_delegated_admin(**number),
            [
                (
                    "none",
                    {"by": admin, "DelegatedAdminAccountId": MEMBERS[2]},
                    "AccountNotRegisteredException",
                ),
                (
                    "a stranger",
                    {"by": admin, "DelegatedAdminAccountId": self.stranger.number},
                    "AccountNotFoundException",
                ),
                (
                    "by a member",
                    {"by": self.members[1].cloudtrail(), "DelegatedAdminAccountId": MEMBERS[0]},
                    "NotOrganizationManagementAccountException",
                ),
                (
                    "without one",
                    {"by": self.stranger.cloudtrail(), "DelegatedAdminAccountId": MEMBERS[0]},
                    "OrganizationsNotInUseException",
                ),
            ],
        )
