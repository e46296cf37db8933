"""Every operation of CloudTrail that names what it acts on, as calls without arguments by name."""

ADVANCED = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]
POLICY = '{"Version":"2012-10-17","Statement":[]}'
# Those that change a trail, in its home Region only.
CHANGES = [
    "UpdateTrail",
    "DeleteTrail",
    "StartLogging",
    "StopLogging",
    "PutEventSelectors",
    "PutEventConfiguration",
    "PutInsightSelectors",
]


def trail_operations(cloudtrail, name):
    """Those that name a trail, but DescribeTrails, for which there are no unknown ones."""
    return {
        "GetTrail": lambda: cloudtrail.get_trail(Name=name),
        "UpdateTrail": lambda: cloudtrail.update_trail(Name=name, S3KeyPrefix="stolen"),
        "DeleteTrail": lambda: cloudtrail.delete_trail(Name=name),
        "StartLogging": lambda: cloudtrail.start_logging(Name=name),
        "StopLogging": lambda: cloudtrail.stop_logging(Name=name),
        "GetTrailStatus": lambda: cloudtrail.get_trail_status(Name=name),
        "GetEventSelectors": lambda: cloudtrail.get_event_selectors(TrailName=name),
        "PutEventSelectors": lambda: cloudtrail.put_event_selectors(
            TrailName=name, AdvancedEventSelectors=ADVANCED
        ),
        "GetInsightSelectors": lambda: cloudtrail.get_insight_selectors(TrailName=name),
        "PutInsightSelectors": lambda: cloudtrail.put_insight_selectors(
            TrailName=name, InsightSelectors=[]
        ),
        "GetEventConfiguration": lambda: cloudtrail.get_event_configuration(TrailName=name),
        "PutEventConfiguration": lambda: cloudtrail.put_event_configuration(
            TrailName=name, AggregationConfigurations=[]
        ),
    }


def tag_operations(cloudtrail, arn):
    tags = [{"Key": "stolen", "Value": "yes"}]
    return {
        "AddTags": lambda: cloudtrail.add_tags(ResourceId=arn, TagsList=tags),
        "RemoveTags": lambda: cloudtrail.remove_tags(ResourceId=arn, TagsList=[{"Key": "team"}]),
        "ListTags": lambda: cloudtrail.list_tags(ResourceIdList=[arn]),
    }


def channel_operations(cloudtrail, arn):
    return {
        "GetChannel": lambda: cloudtrail.get_channel(Channel=arn),
        "UpdateChannel": lambda: cloudtrail.update_channel(Channel=arn, Name="stolen"),
        "DeleteChannel": lambda: cloudtrail.delete_channel(Channel=arn),
        "GetResourcePolicy": lambda: cloudtrail.get_resource_policy(ResourceArn=arn),
        "PutResourcePolicy": lambda: cloudtrail.put_resource_policy(
            ResourceArn=arn, ResourcePolicy=POLICY
        ),
        "DeleteResourcePolicy": lambda: cloudtrail.delete_resource_policy(ResourceArn=arn),
    }
