//! Everything a value in a template can refer to: parameters, pseudo parameters, mappings, conditions and resources.
//! Filled once from the sections; what values come to is worked out in `evaluate`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::Options;
use crate::field::{Field, Report};
use crate::resources::{self, ResourceType};
use crate::yaml::{Node, Span, Value};

/// A resource as the template writes it.
pub(crate) struct Resource<'a> {
    pub(crate) logical_id: &'a str,
    /// The whole resource; its paths start here.
    pub(crate) field: Field<'a>,
    /// `AWS::DynamoDB::Table`; empty when it is missing, which was reported.
    pub(crate) type_name: String,
    /// Who creates it here, if anybody.
    pub(crate) resource_type: Option<&'static ResourceType>,
}

impl<'a> Resource<'a> {
    /// The Properties as written.
    pub(crate) fn properties(&self) -> Option<Field<'a>> {
        self.field.get("Properties")
    }
}

/// What has been found out about something that may refer to itself.
#[derive(Clone)]
pub(crate) enum Progress<T> {
    Begun,
    Done(T),
}

/// What values can refer to.
pub(crate) struct Scope<'a> {
    pub(crate) report: &'a Report,
    pub(crate) options: &'a Options,
    pub(crate) stack_name: String,
    /// Whether the template names the SAM transform.
    pub(crate) sam: bool,
    pub(crate) parameters: BTreeMap<String, Value>,
    pub(crate) mappings: Option<Field<'a>>,
    pub(crate) conditions: BTreeMap<&'a str, Field<'a>>,
    pub(crate) resources: Vec<Resource<'a>>,
    /// `Globals: Function:`, as written.
    pub(crate) function_globals: Option<Field<'a>>,
    pub(crate) verdicts: RefCell<BTreeMap<String, Progress<Option<bool>>>>,
    /// How many conditions or names are being worked out, one for the sake of the other.
    pub(crate) depth: Cell<usize>,
    /// How much functions have produced so far; see `evaluate`.
    pub(crate) produced: Cell<usize>,
    /// Physical names by logical id; other values that are worked out once by logical id and attribute.
    pub(crate) names: RefCell<BTreeMap<String, Progress<Value>>>,
}

impl<'a> Scope<'a> {
    pub(crate) fn resource(&self, logical_id: &str) -> Option<&Resource<'a>> {
        self.resources.iter().find(|resource| resource.logical_id == logical_id)
    }

    /// Whether the resource's condition lets it be created. One that could not be decided counts as created.
    pub(crate) fn is_included(&self, resource: &Resource<'_>) -> bool {
        let Some(condition) = resource.field.get("Condition") else { return true };
        match &condition.node.value {
            Value::Text { text, .. } => self.condition(text).unwrap_or(true),
            _ => true,
        }
    }

    /// Whether SAM may make a resource of this name: `ServerlessRestApi`, `MyFunctionRole` of `MyFunction`.
    pub(crate) fn is_made_by_sam(&self, name: &str) -> bool {
        let extends = |id: &str| name.len() > id.len() && name.starts_with(id);
        self.sam
            && (name.starts_with("Serverless") || self.resources.iter().any(|resource| extends(resource.logical_id)))
    }

    /// The value of a name that begins with `AWS::`.
    pub(crate) fn pseudo(&self, name: &str, span: Span) -> Option<Node> {
        let (region, account) = (&self.options.region, &self.options.account);
        let text = |text: String| Some(Node::text(span, text));
        match name {
            "AWS::Region" => text(region.clone()),
            "AWS::AccountId" => text(account.clone()),
            "AWS::Partition" => text(self.partition().into()),
            "AWS::URLSuffix" => {
                text(if self.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }.into())
            }
            "AWS::StackName" => text(self.stack_name.clone()),
            "AWS::StackId" => {
                let id = resources::name::suffix(&[&self.stack_name, region, account]).to_lowercase();
                let partition = self.partition();
                text(format!("arn:{partition}:cloudformation:{region}:{account}:stack/{}/{id}", self.stack_name))
            }
            "AWS::NotificationARNs" => Some(Node { span, tag: None, value: Value::List(Vec::new()) }),
            _ => None,
        }
    }

    /// The ARN of something in this account and region: `table/votes` of `dynamodb`.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let (partition, region, account) = (self.partition(), &self.options.region, &self.options.account);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    pub(crate) fn partition(&self) -> &'static str {
        let region = &self.options.region;
        if region.starts_with("cn-") {
            "aws-cn"
        } else if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }
}

/// Every pseudo parameter; NoValue is one although it has no value.
pub(crate) const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];
