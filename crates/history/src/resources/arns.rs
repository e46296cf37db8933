//! What ARNs and ids are of.
//!
//! Types are spelled as CloudTrail spells them where captures show it (`AWS::EC2::Ami`,
//! `AWS::EC2::VPC`, `AWS::STS::AssumedRole`), else as AWS CloudFormation does.
//! Source: Service Authorization Reference, "Resource types" of each service.

use std::borrow::Cow;

pub(super) const KMS_KEY: &str = "AWS::KMS::Key";

/// Service, what the resource begins with, type. The first that fits counts; `""` fits all.
const ARNS: [(&str, &str, &str); 74] = [
    ("acm", "certificate/", "AWS::CertificateManager::Certificate"),
    ("apigateway", "/restapis/", "AWS::ApiGateway::RestApi"),
    ("autoscaling", "autoScalingGroup:", "AWS::AutoScaling::AutoScalingGroup"),
    ("autoscaling", "launchConfiguration:", "AWS::AutoScaling::LaunchConfiguration"),
    ("cloudformation", "stackset/", "AWS::CloudFormation::StackSet"),
    ("cloudformation", "stack/", "AWS::CloudFormation::Stack"),
    ("cloudfront", "distribution/", "AWS::CloudFront::Distribution"),
    ("cloudtrail", "channel/", "AWS::CloudTrail::Channel"),
    ("cloudtrail", "eventdatastore/", "AWS::CloudTrail::EventDataStore"),
    ("cloudtrail", "trail/", "AWS::CloudTrail::Trail"),
    ("cloudwatch", "alarm:", "AWS::CloudWatch::Alarm"),
    ("codebuild", "project/", "AWS::CodeBuild::Project"),
    ("cognito-idp", "userpool/", "AWS::Cognito::UserPool"),
    ("config", "config-rule/", "AWS::Config::ConfigRule"),
    ("dynamodb", "table/", "AWS::DynamoDB::Table"),
    ("ec2", "image/", "AWS::EC2::Ami"),
    ("ec2", "instance/", "AWS::EC2::Instance"),
    ("ec2", "network-interface/", "AWS::EC2::NetworkInterface"),
    ("ec2", "security-group/", "AWS::EC2::SecurityGroup"),
    ("ec2", "snapshot/", "AWS::EC2::Snapshot"),
    ("ec2", "subnet/", "AWS::EC2::Subnet"),
    ("ec2", "volume/", "AWS::EC2::Volume"),
    ("ec2", "vpc-endpoint/", "AWS::EC2::VPCEndpoint"),
    ("ec2", "vpc/", "AWS::EC2::VPC"),
    ("ecr", "repository/", "AWS::ECR::Repository"),
    ("ecs", "cluster/", "AWS::ECS::Cluster"),
    ("ecs", "service/", "AWS::ECS::Service"),
    ("ecs", "task-definition/", "AWS::ECS::TaskDefinition"),
    ("ecs", "task/", "AWS::ECS::Task"),
    ("eks", "cluster/", "AWS::EKS::Cluster"),
    ("eks", "nodegroup/", "AWS::EKS::Nodegroup"),
    ("elasticache", "cluster:", "AWS::ElastiCache::CacheCluster"),
    ("elasticfilesystem", "file-system/", "AWS::EFS::FileSystem"),
    ("elasticloadbalancing", "listener/", "AWS::ElasticLoadBalancingV2::Listener"),
    ("elasticloadbalancing", "loadbalancer/app/", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    ("elasticloadbalancing", "loadbalancer/net/", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    ("elasticloadbalancing", "loadbalancer/", "AWS::ElasticLoadBalancing::LoadBalancer"),
    ("elasticloadbalancing", "targetgroup/", "AWS::ElasticLoadBalancingV2::TargetGroup"),
    ("es", "domain/", "AWS::Elasticsearch::Domain"),
    ("events", "event-bus/", "AWS::Events::EventBus"),
    ("events", "rule/", "AWS::Events::Rule"),
    ("firehose", "deliverystream/", "AWS::KinesisFirehose::DeliveryStream"),
    ("glue", "table/", "AWS::Glue::Table"),
    ("guardduty", "detector/", "AWS::GuardDuty::Detector"),
    ("iam", "group/", "AWS::IAM::Group"),
    ("iam", "instance-profile/", "AWS::IAM::InstanceProfile"),
    ("iam", "mfa/", "AWS::IAM::MfaDevice"),
    ("iam", "oidc-provider/", "AWS::IAM::OpenIdConnectProvider"),
    ("iam", "policy/", "AWS::IAM::Policy"),
    ("iam", "role/", "AWS::IAM::Role"),
    ("iam", "saml-provider/", "AWS::IAM::SamlProvider"),
    ("iam", "server-certificate/", "AWS::IAM::ServerCertificate"),
    ("iam", "user/", "AWS::IAM::User"),
    ("kinesis", "stream/", "AWS::Kinesis::Stream"),
    ("kms", "alias/", "AWS::KMS::Alias"),
    ("kms", "key/", KMS_KEY),
    ("lambda", "event-source-mapping:", "AWS::Lambda::EventSourceMapping"),
    ("lambda", "function:", "AWS::Lambda::Function"),
    ("lambda", "layer:", "AWS::Lambda::LayerVersion"),
    ("logs", "log-group:", "AWS::Logs::LogGroup"),
    ("rds", "cluster-snapshot:", "AWS::RDS::DBClusterSnapshot"),
    ("rds", "cluster:", "AWS::RDS::DBCluster"),
    ("rds", "db:", "AWS::RDS::DBInstance"),
    ("rds", "snapshot:", "AWS::RDS::DBSnapshot"),
    ("redshift", "cluster:", "AWS::Redshift::Cluster"),
    ("secretsmanager", "secret:", "AWS::SecretsManager::Secret"),
    ("sns", "", "AWS::SNS::Topic"),
    ("sqs", "", "AWS::SQS::Queue"),
    ("ssm", "document/", "AWS::SSM::Document"),
    ("ssm", "parameter/", "AWS::SSM::Parameter"),
    ("states", "stateMachine:", "AWS::StepFunctions::StateMachine"),
    ("sts", "assumed-role/", "AWS::STS::AssumedRole"),
    ("sts", "federated-user/", "AWS::STS::FederatedUser"),
    ("wafv2", "regional/webacl/", "AWS::WAFv2::WebACL"),
];

/// What stands before the hyphen of an id that EC2 and its kin give, and the type.
const IDS: [(&str, &str); 27] = [
    ("acl", "AWS::EC2::NetworkAcl"),
    ("ami", "AWS::EC2::Ami"),
    ("cgw", "AWS::EC2::CustomerGateway"),
    ("dopt", "AWS::EC2::DHCPOptions"),
    ("eipalloc", "AWS::EC2::EIP"),
    ("eipassoc", "AWS::EC2::EIPAssociation"),
    ("eni", "AWS::EC2::NetworkInterface"),
    ("eni-attach", "AWS::EC2::NetworkInterfaceAttachment"),
    ("fl", "AWS::EC2::FlowLog"),
    ("fs", "AWS::EFS::FileSystem"),
    ("i", "AWS::EC2::Instance"),
    ("igw", "AWS::EC2::InternetGateway"),
    ("lt", "AWS::EC2::LaunchTemplate"),
    ("mi", "AWS::SSM::ManagedInstance"),
    ("nat", "AWS::EC2::NatGateway"),
    ("pcx", "AWS::EC2::VPCPeeringConnection"),
    ("rtb", "AWS::EC2::RouteTable"),
    ("sg", "AWS::EC2::SecurityGroup"),
    ("sgr", "AWS::EC2::SecurityGroupRule"),
    ("snap", "AWS::EC2::Snapshot"),
    ("subnet", "AWS::EC2::Subnet"),
    ("tgw", "AWS::EC2::TransitGateway"),
    ("vgw", "AWS::EC2::VPNGateway"),
    ("vol", "AWS::EC2::Volume"),
    ("vpc", "AWS::EC2::VPC"),
    ("vpce", "AWS::EC2::VPCEndpoint"),
    ("vpn", "AWS::EC2::VPNConnection"),
];

/// The type of what an ARN is of.
pub(super) fn kind_of_arn(arn: &str) -> Option<&'static str> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, resource) = (parts.next()?, parts.nth(2)?);
    if service == "s3" {
        let is_object = resource.contains('/');
        return Some(if is_object { "AWS::S3::Object" } else { "AWS::S3::Bucket" });
    }
    let is_it =
        |(of, begin, _): &&(&str, &str, &str)| *of == service && resource.starts_with(begin);
    ARNS.iter().find(is_it).map(|(_, _, kind)| *kind)
}

/// The type of what an id is of that tells it by its form: a prefix that is known, a hyphen, and 8 or
/// 17 hexadecimal digits.
pub(super) fn kind_of_id(id: &str) -> Option<&'static str> {
    // Most texts are longer; the longest prefix has 10 letters.
    if id.len() > 28 {
        return None;
    }
    let (prefix, digits) = id.rsplit_once('-')?;
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !matches!(digits.len(), 8 | 17) || !digits.bytes().all(is_hex) {
        return None;
    }
    IDS.iter().find(|(known, _)| *known == prefix).map(|(_, kind)| *kind)
}

/// What follows the first slash.
pub(super) fn after_slash<'a>(arn: &Cow<'a, str>) -> Option<Cow<'a, str>> {
    let rest = match arn {
        Cow::Borrowed(arn) => Cow::Borrowed(arn.split_once('/')?.1),
        Cow::Owned(arn) => Cow::Owned(arn.split_once('/')?.1.to_owned()),
    };
    Some(rest).filter(|rest| !rest.is_empty())
}
