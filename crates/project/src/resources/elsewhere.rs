//! Types of resources that are not created here: those that mean nothing outside of AWS, those that will be run later,
//! and those that nobody knows. Says so, and guesses what a misspelled type was meant to be. Some have names and ARNs
//! nevertheless, because what is created here refers to them.

use super::TYPES;
use super::name;
use super::physical::{self, text};
use crate::diagnostic::{Diagnostic, Severity};
use crate::scope::{Resource, Scope};
use crate::suggest::{did_you_mean, nearest};
use crate::yaml::Value;

/// Services and types that have no work to do here. A `*` at the end covers all that begins like this.
const NOT_NEEDED: [&str; 52] = [
    "AWS::ApplicationAutoScaling::*",
    "AWS::ApplicationInsights::*",
    "AWS::ApplicationSignals::*",
    "AWS::Backup::*",
    "AWS::CDK::*",
    "AWS::CertificateManager::*",
    "AWS::ChatBot::*",
    "AWS::Chatbot::*",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CloudFront::*",
    "AWS::CloudTrail::*",
    "AWS::CloudWatch::*",
    "AWS::CodeBuild::*",
    "AWS::CodeDeploy::*",
    "AWS::CodePipeline::*",
    "AWS::CodeStar::*",
    "AWS::Cognito::*",
    "AWS::Config::*",
    "AWS::DAX::*",
    "AWS::EC2::*",
    "AWS::ECR::*",
    "AWS::Events::EventBusPolicy",
    "AWS::GuardDuty::*",
    "AWS::IAM::*",
    "AWS::KMS::*",
    "AWS::Kinesis::ResourcePolicy",
    "AWS::LakeFormation::*",
    "AWS::Lambda::CodeSigningConfig",
    "AWS::Lambda::LayerVersionPermission",
    "AWS::Lambda::Permission",
    "AWS::Logs::*",
    "AWS::Oam::*",
    "AWS::RAM::*",
    "AWS::ResourceGroups::*",
    "AWS::Route53::*",
    "AWS::S3::AccessPoint",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicInlinePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueueInlinePolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SSM::ResourcePolicy",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::Serverless::Connector",
    "AWS::ServiceCatalog::*",
    "AWS::Signer::*",
    "AWS::Synthetics::*",
    "AWS::WAF::*",
    "AWS::WAFRegional::*",
    "AWS::WAFv2::*",
    "AWS::XRay::*",
];

/// Types that do something on AWS and nothing here.
const NOT_RUN: [&str; 63] = [
    "AWS::ApiGateway::*",
    "AWS::ApiGatewayV2::*",
    "AWS::AppSync::*",
    "AWS::Athena::*",
    "AWS::Batch::*",
    "AWS::CloudFormation::CustomResource",
    "AWS::CloudFormation::Macro",
    "AWS::CloudFormation::Stack",
    "AWS::DMS::*",
    "AWS::DocDB::*",
    "AWS::DynamoDB::GlobalTable",
    "AWS::ECS::*",
    "AWS::EKS::*",
    "AWS::ElastiCache::*",
    "AWS::ElasticLoadBalancing::*",
    "AWS::ElasticLoadBalancingV2::*",
    "AWS::Elasticsearch::*",
    "AWS::Events::ApiDestination",
    "AWS::Events::Archive",
    "AWS::Events::Connection",
    "AWS::Events::Endpoint",
    "AWS::Events::EventBus",
    "AWS::Glue::*",
    "AWS::IoT::*",
    "AWS::Kinesis::StreamConsumer",
    "AWS::KinesisAnalytics::*",
    "AWS::KinesisAnalyticsV2::*",
    "AWS::KinesisFirehose::*",
    "AWS::Lambda::Alias",
    "AWS::Lambda::CapacityProvider",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Url",
    "AWS::Lambda::Version",
    "AWS::MSK::*",
    "AWS::OpenSearchServerless::*",
    "AWS::OpenSearchService::*",
    "AWS::Pipes::*",
    "AWS::RDS::*",
    "AWS::Redshift::*",
    "AWS::SES::*",
    "AWS::SNS::Subscription",
    "AWS::SSM::Association",
    "AWS::SSM::Document",
    "AWS::SSM::MaintenanceWindow",
    "AWS::SSM::MaintenanceWindowTarget",
    "AWS::SSM::MaintenanceWindowTask",
    "AWS::SSM::PatchBaseline",
    "AWS::SSM::ResourceDataSync",
    "AWS::SageMaker::*",
    "AWS::SecretsManager::*",
    "AWS::Serverless::Api",
    "AWS::Serverless::Application",
    "AWS::Serverless::CapacityProvider",
    "AWS::Serverless::GraphQLApi",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::LayerVersion",
    "AWS::Serverless::MicrovmImage",
    "AWS::Serverless::NetworkConnector",
    "AWS::Serverless::StateMachine",
    "AWS::Serverless::WebFunction",
    "AWS::Serverless::WebSocketApi",
    "AWS::StepFunctions::*",
    "AWS::Timestream::*",
];

/// Types that are not created here and have names all the same: what holds the name, and what comes before it in the
/// ARN. A role is passed to what needs no role. Of all others
/// `!Ref` gives what only AWS knows: the id of a key, of a pool of users.
const NAMED: [(&str, &str, &str); 5] = [
    ("AWS::CloudWatch::Alarm", "AlarmName", "alarm:"),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName", "policy/"),
    ("AWS::IAM::Role", "RoleName", "role/"),
    ("AWS::Logs::LogGroup", "LogGroupName", "log-group:"),
    ("AWS::Scheduler::ScheduleGroup", "Name", "schedule-group/"),
];

/// Longest name that is made for one of them: no service has a lower limit.
const MADE_NAME: usize = 63;

/// What `!Ref` gives for a resource that is not created here: a name, if others may need it.
pub(crate) fn reference(scope: &Scope<'_>, resource: &Resource<'_>) -> Option<Value> {
    if resource.type_name == "AWS::IAM::ManagedPolicy" {
        return arn(scope, resource);
    }
    named(&resource.type_name)?;
    name(scope, resource).map(text)
}

/// The ARN of a resource that is not created here, if others may need it.
pub(crate) fn arn(scope: &Scope<'_>, resource: &Resource<'_>) -> Option<Value> {
    let name = name(scope, resource)?;
    let (partition, account) = (scope.partition(), &scope.options.account);
    let mut parts = resource.type_name.split("::").skip(1).map(str::to_lowercase);
    let (service, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let before = named(&resource.type_name).map_or_else(|| format!("{kind}/"), |(_, before)| before.to_string());
    Some(text(match service.as_str() {
        // Neither has a region, and a bucket no account.
        "iam" => format!("arn:{partition}:iam::{account}:{before}{name}"),
        "s3" => format!("arn:{partition}:s3:::{name}"),
        "logs" => scope.arn("logs", &format!("{before}{name}:*")),
        "cognito" => scope.arn("cognito-idp", &format!("{before}{name}")),
        _ => scope.arn(&service, &format!("{before}{name}")),
    }))
}

/// What holds the name, and what comes before it in the ARN.
fn named(type_name: &str) -> Option<(&'static str, &'static str)> {
    NAMED.iter().find(|(known, _, _)| *known == type_name).map(|(_, property, before)| (*property, *before))
}

/// The name of a resource that means nothing here or that triggers wait for. Whatever is wrong with its properties is
/// not held against it: a name that cannot be worked out is made.
fn name(scope: &Scope<'_>, resource: &Resource<'_>) -> Option<String> {
    let named = named(&resource.type_name);
    if named.is_none() && !NOT_NEEDED.iter().any(|pattern| covers(pattern, &resource.type_name)) {
        return None;
    }
    let value = physical::once(scope, resource.logical_id, &resource.field, || {
        let written = resource.properties().zip(named).and_then(|(properties, (property, _))| properties.get(property));
        match written.and_then(|written| scope.resolve(&written)).map(|node| node.value) {
            Some(Value::Text { text: name, .. }) if !name.is_empty() => text(name),
            _ => text(name::physical(&scope.stack_name, resource.logical_id, MADE_NAME)),
        }
    });
    let Value::Text { text: name, .. } = value else { return None };
    Some(name)
}

fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

/// Says of every included resource that nobody here creates what becomes of it.
pub(crate) fn report(scope: &Scope<'_>) {
    let mut not_needed = Vec::new();
    for resource in &scope.resources {
        if resource.resource_type.is_some() || resource.type_name.is_empty() {
            continue;
        }
        let name = resource.type_name.as_str();
        if NOT_NEEDED.iter().any(|pattern| covers(pattern, name)) {
            if scope.is_included(resource) {
                not_needed.push(format!("{} ({name})", resource.logical_id));
            }
        } else if name.starts_with("Custom::") || NOT_RUN.iter().any(|pattern| covers(pattern, name)) {
            if scope.is_included(resource) {
                not_run(resource);
            }
        } else {
            unknown(resource);
        }
    }
    if !not_needed.is_empty() {
        scope.report.push(Diagnostic::new(Severity::Note, format!("not needed here: {}", not_needed.join(", "))));
    }
}

fn not_run(resource: &Resource<'_>) {
    let help = (resource.type_name == "AWS::DynamoDB::GlobalTable")
        .then_some("a table of one region, AWS::DynamoDB::Table, is created here");
    resource.field.warning(format!("not run here yet: {}", resource.type_name), help);
}

fn unknown(resource: &Resource<'_>) {
    let name = resource.type_name.as_str();
    let Some(at) = resource.field.get("Type") else { return };
    if name.split("::").count() < 3 || name.split("::").any(str::is_empty) {
        return at.error_help(format!("`{name}` is not a resource type"), "for instance: AWS::DynamoDB::Table");
    }
    // Whoever meant a table must not find out from a missing table.
    if let Some(meant) = nearest(name, TYPES.iter().map(|kind| kind.name)) {
        return at.error_help(format!("`{name}` is not a resource type"), format!("did you mean {meant}?"));
    }
    let exact = NOT_NEEDED.iter().chain(&NOT_RUN).copied().filter(|known| !known.ends_with('*'));
    let help = did_you_mean(name, exact);
    at.warning(format!("not run here: `{name}` is not known"), help.as_deref());
}
