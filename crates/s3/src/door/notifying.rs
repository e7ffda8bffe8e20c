//! Who is told of a bucket's events, as S3's clients ask and say it. Functions are told; queues, topics and buses are not
//! here.

use super::{
    Shared, blocking,
    fault::{fault, invalid_argument, not_implemented},
};
use crate::{Target, blobs::hex, check_targets};
use s3s::{
    S3Error, S3ErrorCode, S3Request, S3Result,
    dto::{
        Event, FilterRule, FilterRuleName, GetBucketNotificationConfigurationInput,
        GetBucketNotificationConfigurationOutput, LambdaFunctionConfiguration, NotificationConfigurationFilter,
        PutBucketNotificationConfigurationInput, PutBucketNotificationConfigurationOutput, S3KeyFilter,
    },
};
use std::sync::Arc;

pub(super) async fn get(
    shared: Arc<Shared>,
    request: S3Request<GetBucketNotificationConfigurationInput>,
) -> S3Result<GetBucketNotificationConfigurationOutput> {
    let own = shared.clone();
    let targets = blocking(move || {
        own.buckets.bucket(&request.input.bucket)?;
        own.notifier.as_ref().map_or(Ok(Vec::new()), |notifier| notifier.targets(&request.input.bucket))
    });
    let targets = targets.await?;
    let shown = targets.into_iter().map(|target| shown(&shared, target)).collect::<Vec<_>>();
    Ok(GetBucketNotificationConfigurationOutput {
        lambda_function_configurations: Some(shown).filter(|shown| !shown.is_empty()),
        ..GetBucketNotificationConfigurationOutput::default()
    })
}

pub(super) async fn put(
    shared: Arc<Shared>,
    request: S3Request<PutBucketNotificationConfigurationInput>,
) -> S3Result<PutBucketNotificationConfigurationOutput> {
    let PutBucketNotificationConfigurationInput { bucket, notification_configuration: given, .. } = request.input;
    shared.buckets.bucket(&bucket).map_err(S3Error::from)?;
    let others = given.queue_configurations.is_some_and(|found| !found.is_empty())
        || given.topic_configurations.is_some_and(|found| !found.is_empty())
        || given.event_bridge_configuration.is_some();
    if others {
        return Err(not_implemented("telling queues, topics and EventBridge of a bucket's events"));
    }
    let targets = given.lambda_function_configurations.unwrap_or_default();
    let targets = targets.into_iter().map(|given| target(&shared, given)).collect::<S3Result<Vec<_>>>()?;
    check_targets(&targets).map_err(S3Error::from)?;
    match &shared.notifier {
        Some(notifier) => notifier.set_targets(&bucket, targets).await.map_err(S3Error::from)?,
        None if targets.is_empty() => {}
        None => return Err(fault(S3ErrorCode::NotImplemented, "there are no functions on this server")),
    }
    Ok(PutBucketNotificationConfigurationOutput {})
}

fn shown(shared: &Shared, target: Target) -> LambdaFunctionConfiguration {
    let rules = [(FilterRuleName::PREFIX, target.prefix), (FilterRuleName::SUFFIX, target.suffix)];
    let rules = rules
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| FilterRule { name: Some(FilterRuleName::from_static(name)), value: Some(value) });
    let rules: Vec<FilterRule> = rules.collect();
    let filter = (!rules.is_empty())
        .then_some(NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules) }) });
    LambdaFunctionConfiguration {
        events: target.kinds.into_iter().map(Event::from).collect(),
        filter,
        id: Some(target.id),
        lambda_function_arn: shared.config.place.arn("lambda", &format!("function:{}", target.function)),
    }
}

fn target(shared: &Shared, given: LambdaFunctionConfiguration) -> S3Result<Target> {
    let mut target = Target {
        id: given.id.filter(|id| !id.is_empty()).unwrap_or_else(|| random_id(shared)),
        function: function_name(&given.lambda_function_arn)?,
        kinds: given.events.into_iter().map(|event| event.as_ref().to_owned()).collect(),
        ..Target::default()
    };
    let rules = given.filter.and_then(|filter| filter.key).and_then(|key| key.filter_rules).unwrap_or_default();
    for rule in rules {
        // S3 takes the names in any case.
        let name = rule.name.map(|name| name.as_str().to_ascii_lowercase()).unwrap_or_default();
        let place = match name.as_str() {
            FilterRuleName::PREFIX => &mut target.prefix,
            FilterRuleName::SUFFIX => &mut target.suffix,
            _ => return Err(invalid_argument("filter rule name must be either prefix or suffix")),
        };
        if !place.is_empty() {
            return Err(invalid_argument(format!("Cannot specify more than one {name} rule in a filter.")));
        }
        *place = rule.value.unwrap_or_default();
    }
    Ok(target)
}

/// The name in `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, with or without a version behind it.
fn function_name(arn: &str) -> S3Result<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts[..] {
        ["arn", _, "lambda", _, _, "function", name, ..] if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(invalid_argument(format!("The ARN could not be parsed: {arn}"))),
    }
}

fn random_id(shared: &Shared) -> String {
    let mut random = [0; 16];
    shared.buckets.0.blobs.dice().fill(&mut random);
    hex(&random)
}
