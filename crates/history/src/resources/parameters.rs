//! What a parameter names, by its service and its name.
//!
//! Names are as CloudTrail records them, with a small first letter; some services record a capital one.

/// Parameters of a service, and the types of what they name; `""` where the parameter names several.
type Parameters = &'static [(&'static str, &'static str)];

/// Services whose parameters are known, by the first part of `eventSource`.
const SERVICES: &[(&str, Parameters)] = &[
    (
        "autoscaling",
        &[
            ("autoScalingGroupName", "AWS::AutoScaling::AutoScalingGroup"),
            ("launchConfigurationName", "AWS::AutoScaling::LaunchConfiguration"),
            ("policyName", "AWS::AutoScaling::ScalingPolicy"),
            ("scheduledActionName", "AWS::AutoScaling::ScheduledAction"),
        ],
    ),
    (
        "cloudformation",
        &[
            ("changeSetName", "AWS::CloudFormation::ChangeSet"),
            ("stackName", "AWS::CloudFormation::Stack"),
            ("stackSetName", "AWS::CloudFormation::StackSet"),
        ],
    ),
    (
        "cloudtrail",
        &[
            ("name", ""),
            ("snsTopicName", "AWS::SNS::Topic"),
            ("trailName", "AWS::CloudTrail::Trail"),
            ("trailNameList", "AWS::CloudTrail::Trail"),
        ],
    ),
    ("codebuild", &[("projectName", "AWS::CodeBuild::Project")]),
    (
        "cognito-idp",
        &[("userPoolId", "AWS::Cognito::UserPool"), ("username", "AWS::Cognito::UserPoolUser")],
    ),
    (
        "config",
        &[
            ("configRuleName", "AWS::Config::ConfigRule"),
            ("configurationRecorderName", "AWS::Config::ConfigurationRecorder"),
            ("deliveryChannelName", "AWS::Config::DeliveryChannel"),
        ],
    ),
    ("dynamodb", &[("backupName", "AWS::DynamoDB::Backup"), ("tableName", "AWS::DynamoDB::Table")]),
    // What has an id of EC2's form is known by it.
    (
        "ec2",
        &[
            ("groupName", "AWS::EC2::SecurityGroup"),
            ("keyName", "AWS::EC2::KeyPair"),
            ("keyPairId", "AWS::EC2::KeyPair"),
            ("launchTemplateName", "AWS::EC2::LaunchTemplate"),
            ("publicIp", "AWS::EC2::EIP"),
        ],
    ),
    ("ecr", &[("repositoryName", "AWS::ECR::Repository")]),
    (
        "ecs",
        &[
            ("cluster", "AWS::ECS::Cluster"),
            ("clusterName", "AWS::ECS::Cluster"),
            ("clusters", "AWS::ECS::Cluster"),
            ("family", "AWS::ECS::TaskDefinition"),
            ("service", "AWS::ECS::Service"),
            ("serviceName", "AWS::ECS::Service"),
            ("services", "AWS::ECS::Service"),
            ("task", "AWS::ECS::Task"),
            ("taskDefinition", "AWS::ECS::TaskDefinition"),
        ],
    ),
    (
        "eks",
        &[
            ("addonName", "AWS::EKS::Addon"),
            ("clusterName", "AWS::EKS::Cluster"),
            ("fargateProfileName", "AWS::EKS::FargateProfile"),
            ("nodegroupName", "AWS::EKS::Nodegroup"),
        ],
    ),
    ("eks-auth", &[("clusterName", "AWS::EKS::Cluster")]),
    (
        "elasticache",
        &[
            ("cacheClusterId", "AWS::ElastiCache::CacheCluster"),
            ("replicationGroupId", "AWS::ElastiCache::ReplicationGroup"),
        ],
    ),
    ("elasticloadbalancing", &[("loadBalancerName", "AWS::ElasticLoadBalancing::LoadBalancer")]),
    (
        "events",
        &[("eventBusName", "AWS::Events::EventBus"), ("name", ""), ("rule", "AWS::Events::Rule")],
    ),
    ("firehose", &[("deliveryStreamName", "AWS::KinesisFirehose::DeliveryStream")]),
    (
        "glue",
        &[
            ("crawlerName", "AWS::Glue::Crawler"),
            ("databaseName", "AWS::Glue::Database"),
            ("jobName", "AWS::Glue::Job"),
            ("tableName", "AWS::Glue::Table"),
        ],
    ),
    ("guardduty", &[("detectorId", "AWS::GuardDuty::Detector")]),
    (
        "iam",
        &[
            ("accountAlias", "AWS::IAM::AccountAlias"),
            ("groupId", "AWS::IAM::Group"),
            ("groupName", "AWS::IAM::Group"),
            ("instanceProfileId", "AWS::IAM::InstanceProfile"),
            ("newGroupName", "AWS::IAM::Group"),
            ("newUserName", "AWS::IAM::User"),
            ("policyId", "AWS::IAM::Policy"),
            ("policyName", "AWS::IAM::Policy"),
            ("roleId", "AWS::IAM::Role"),
            ("sSHPublicKeyId", "AWS::IAM::SshPublicKey"),
            ("serverCertificateName", "AWS::IAM::ServerCertificate"),
            ("userId", "AWS::IAM::User"),
            ("userName", "AWS::IAM::User"),
            ("virtualMFADeviceName", "AWS::IAM::MfaDevice"),
        ],
    ),
    ("kinesis", &[("streamName", "AWS::Kinesis::Stream")]),
    (
        "kms",
        &[
            ("aliasName", "AWS::KMS::Alias"),
            ("keyId", "AWS::KMS::Key"),
            ("targetKeyId", "AWS::KMS::Key"),
        ],
    ),
    (
        "lambda",
        &[("layerName", "AWS::Lambda::LayerVersion"), ("uUID", "AWS::Lambda::EventSourceMapping")],
    ),
    (
        "logs",
        &[
            ("destinationName", "AWS::Logs::Destination"),
            ("logGroupName", "AWS::Logs::LogGroup"),
            ("logStreamName", "AWS::Logs::LogStream"),
        ],
    ),
    (
        "monitoring",
        &[
            ("alarmName", "AWS::CloudWatch::Alarm"),
            ("alarmNames", "AWS::CloudWatch::Alarm"),
            ("dashboardName", "AWS::CloudWatch::Dashboard"),
        ],
    ),
    (
        "organizations",
        &[
            ("accountId", "AWS::Organizations::Account"),
            ("organizationalUnitId", "AWS::Organizations::OrganizationalUnit"),
            ("policyId", "AWS::Organizations::Policy"),
            ("targetId", ""),
        ],
    ),
    (
        "rds",
        &[
            ("dBClusterIdentifier", "AWS::RDS::DBCluster"),
            ("dBClusterSnapshotIdentifier", "AWS::RDS::DBClusterSnapshot"),
            ("dBInstanceIdentifier", "AWS::RDS::DBInstance"),
            ("dBParameterGroupName", "AWS::RDS::DBParameterGroup"),
            ("dBSnapshotIdentifier", "AWS::RDS::DBSnapshot"),
            ("dBSubnetGroupName", "AWS::RDS::DBSubnetGroup"),
            ("optionGroupName", "AWS::RDS::OptionGroup"),
            ("subscriptionName", "AWS::RDS::EventSubscription"),
        ],
    ),
    ("redshift", &[("clusterIdentifier", "AWS::Redshift::Cluster")]),
    ("route53", &[("hostedZoneId", "AWS::Route53::HostedZone")]),
    ("s3", &[]),
    ("secretsmanager", &[("name", ""), ("secretId", "AWS::SecretsManager::Secret")]),
    ("signin", &[]),
    ("sns", &[("name", "")]),
    ("sqs", &[("queueName", "AWS::SQS::Queue"), ("queueUrl", "AWS::SQS::Queue")]),
    ("ssm", &[("documentName", "AWS::SSM::Document"), ("name", ""), ("names", "")]),
    (
        "sts",
        &[
            ("assumedRoleId", "AWS::STS::AssumedRole"),
            ("federatedUserId", "AWS::STS::FederatedUser"),
            ("name", ""),
            ("roleSessionName", "AWS::STS::AssumedRole"),
        ],
    ),
];

/// What `name` is the name of, by what is in the name of the call: services have several things with names.
const NAMES: [(&str, &str, &str); 6] = [
    ("cloudtrail", "Logging", "AWS::CloudTrail::Trail"),
    ("cloudtrail", "Trail", "AWS::CloudTrail::Trail"),
    ("events", "Rule", "AWS::Events::Rule"),
    ("secretsmanager", "Secret", "AWS::SecretsManager::Secret"),
    ("sns", "Topic", "AWS::SNS::Topic"),
    ("sts", "FederationToken", "AWS::STS::FederatedUser"),
];

/// Parameters that mean the same in every service.
const ANYWHERE: Parameters = &[
    ("accessKeyId", "AWS::IAM::AccessKey"),
    ("bucketName", "AWS::S3::Bucket"),
    ("functionName", "AWS::Lambda::Function"),
    ("instanceProfileName", "AWS::IAM::InstanceProfile"),
    ("kmsKeyId", "AWS::KMS::Key"),
    ("kMSKeyId", "AWS::KMS::Key"),
    ("logGroupName", "AWS::Logs::LogGroup"),
    ("roleName", "AWS::IAM::Role"),
    ("s3BucketName", "AWS::S3::Bucket"),
];

/// What is known of the parameters of a call to a service.
pub(super) struct Service {
    parameters: Option<Parameters>,
    /// What `name` is the name of.
    name: Option<&'static str>,
}

impl Service {
    pub(super) fn of(service: &str, call: &str) -> Service {
        let found = SERVICES.binary_search_by_key(&service, |(known, _)| *known);
        let is_it = |(of, part, _): &&(&str, &str, &str)| *of == service && call.contains(part);
        let name = NAMES.iter().find(is_it).map(|(_, _, kind)| *kind);
        Service { parameters: found.ok().map(|at| SERVICES[at].1), name }
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.parameters.is_none()
    }

    /// The type of what a parameter names with this text; `""` where it may be one of several, `None`
    /// where it names nothing that is known.
    pub(super) fn kind_of(&self, parameter: &str, text: &str) -> Option<&'static str> {
        let is_it = |(known, _): &&(&str, &str)| is_same(known, parameter);
        if parameter == "name" && self.name.is_some() {
            return self.name;
        }
        let own = self.parameters.unwrap_or_default();
        let (_, kind) = own.iter().chain(ANYWHERE).find(is_it)?;
        let is_alias = *kind == super::arns::KMS_KEY && text.starts_with("alias/");
        Some(if is_alias { "AWS::KMS::Alias" } else { kind })
    }
}

/// But for the case of the first letter.
fn is_same(known: &str, parameter: &str) -> bool {
    let (known, parameter) = (known.as_bytes(), parameter.as_bytes());
    known.len() == parameter.len()
        && known[1..] == parameter[1..]
        && known[0].eq_ignore_ascii_case(&parameter[0])
}

/// Whether a parameter of a service that is not known names what the call is about. Accounts and
/// tokens are no resources.
pub(super) fn is_name(parameter: &str) -> bool {
    const ENDS: [&str; 4] = ["Name", "Id", "Identifier", "name"];
    const NOT: [&str; 6] =
        ["accountId", "awsAccountId", "catalogId", "clientRequestId", "ownerId", "requestId"];
    let is_one =
        ENDS.iter().any(|end| parameter.ends_with(end)) || matches!(parameter, "id" | "identifier");
    is_one && !NOT.iter().any(|not| is_same(not, parameter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_stand_in_order_and_parameters_once() {
        assert!(SERVICES.is_sorted_by(|one, two| one.0 < two.0));
        for (service, parameters) in SERVICES.iter().chain(&[("", ANYWHERE)]) {
            for (at, (parameter, kind)) in parameters.iter().enumerate() {
                let is_again = parameters[..at].iter().any(|(one, _)| is_same(one, parameter));
                assert!(!is_again, "{service} {parameter}");
                assert!(kind.is_empty() || kind.split("::").count() == 3, "{service} {kind}");
            }
        }
    }

    #[test]
    fn the_case_of_the_first_letter_does_not_matter() {
        for (parameter, kind) in [
            ("tableName", Some("AWS::DynamoDB::Table")),
            ("TableName", Some("AWS::DynamoDB::Table")),
            ("TABLENAME", None),
            ("", None),
        ] {
            assert_eq!(
                Service::of("dynamodb", "PutItem").kind_of(parameter, "t"),
                kind,
                "{parameter}"
            );
        }
    }
}
