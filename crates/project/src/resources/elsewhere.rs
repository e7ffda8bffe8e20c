//! Types of resources that are not created here: those that mean nothing outside of AWS, those that will be run later,
//! and those that nobody knows. Says so, and guesses what a misspelled type was meant to be.

use super::TYPES;
use crate::diagnostic::{Diagnostic, Severity};
use crate::scope::{Resource, Scope};
use crate::suggest::{did_you_mean, nearest};

/// Services and types that have no work to do here. A `*` at the end covers all that begins like this.
const NOT_NEEDED: [&str; 47] = [
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
    "AWS::GuardDuty::*",
    "AWS::IAM::*",
    "AWS::KMS::*",
    "AWS::Kinesis::ResourcePolicy",
    "AWS::LakeFormation::*",
    "AWS::Lambda::LayerVersionPermission",
    "AWS::Lambda::Permission",
    "AWS::Lambda::CodeSigningConfig",
    "AWS::Logs::*",
    "AWS::Oam::*",
    "AWS::RAM::*",
    "AWS::ResourceGroups::*",
    "AWS::Route53::*",
    "AWS::S3::AccessPoint",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
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
const NOT_RUN: [&str; 58] = [
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
    "AWS::Events::*",
    "AWS::Glue::*",
    "AWS::IoT::*",
    "AWS::Kinesis::Stream",
    "AWS::Kinesis::StreamConsumer",
    "AWS::KinesisAnalytics::*",
    "AWS::KinesisAnalyticsV2::*",
    "AWS::KinesisFirehose::*",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Url",
    "AWS::Lambda::Version",
    "AWS::MSK::*",
    "AWS::OpenSearchServerless::*",
    "AWS::OpenSearchService::*",
    "AWS::Pipes::*",
    "AWS::RDS::*",
    "AWS::Redshift::*",
    "AWS::S3::Bucket",
    "AWS::SES::*",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SSM::*",
    "AWS::SageMaker::*",
    "AWS::Scheduler::*",
    "AWS::SecretsManager::*",
    "AWS::Serverless::Api",
    "AWS::Serverless::Application",
    "AWS::Serverless::CapacityProvider",
    "AWS::Serverless::Function",
    "AWS::Serverless::GraphQLApi",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::LayerVersion",
    "AWS::Serverless::StateMachine",
    "AWS::Serverless::WebSocketApi",
    "AWS::StepFunctions::*",
    "AWS::Timestream::*",
];

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
