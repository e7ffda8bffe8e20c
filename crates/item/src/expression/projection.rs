//! Projections: the parts of an item under some paths.

use super::check::{check_path, resolve_path};
use super::path::{Path, Step, check_apart};
use super::placeholders::Placeholders;
use super::syntax::Parser;
use super::{Invalid, check_text};
use crate::{
    Item, Value,
    codec::{self, DecodeError},
};

/// A parsed ProjectionExpression.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    paths: Vec<Path>,
    /// The same paths by what they begin with.
    attributes: Vec<(String, Branch)>,
}

/// What is wanted of one value; no branches: all of it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Branch(Vec<(Step, Branch)>);

impl Projection {
    pub fn parse(text: &str, placeholders: &mut Placeholders<'_>) -> Result<Projection, Invalid> {
        read(text, placeholders).map_err(|message| Invalid::of("ProjectionExpression", message))
    }

    /// A projection to paths of which none leads into another; `AttributesToGet` makes them with `Path::from`.
    #[must_use]
    pub fn new(paths: Vec<Path>) -> Projection {
        let mut attributes: Vec<(String, Branch)> = Vec::new();
        for path in &paths {
            let at = attributes.iter().position(|(name, _)| *name == path.name).unwrap_or_else(|| {
                attributes.push((path.name.clone(), Branch::default()));
                attributes.len() - 1
            });
            path.steps.iter().fold(&mut attributes[at].1, Branch::child);
        }
        Projection { paths, attributes }
    }

    /// What the item has of it. Lists keep the order of their elements and close the gaps.
    #[must_use]
    pub fn apply(&self, item: &Item) -> Item {
        self.attributes
            .iter()
            .filter_map(|(name, branch)| Some((name.clone(), branch.project(item.get(name)?)?)))
            .collect()
    }

    /// As [`Projection::apply`], of an item in its stored form; only what the projection begins with is decoded.
    pub fn apply_stored(&self, image: &[u8]) -> Result<Item, DecodeError> {
        let names: Vec<&str> = self.attributes.iter().map(|(name, _)| name.as_str()).collect();
        Ok(self.apply(&codec::pick(image, &names)?))
    }

    /// The paths, in the order written.
    #[must_use]
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }
}

fn read(text: &str, placeholders: &mut Placeholders<'_>) -> Result<Projection, String> {
    check_text(text)?;
    let raw = Parser::new(text).whole(Parser::projection)?;
    raw.iter().try_for_each(check_path)?;
    let paths = raw.iter().map(|path| resolve_path(path, placeholders)).collect::<Result<Vec<Path>, String>>()?;
    check_apart(&paths.iter().collect::<Vec<&Path>>())?;
    Ok(Projection::new(paths))
}

impl Branch {
    fn child(&mut self, step: &Step) -> &mut Branch {
        let at = self.0.partition_point(|(other, _)| other < step);
        if self.0.get(at).is_none_or(|(other, _)| other != step) {
            self.0.insert(at, (step.clone(), Branch::default()));
        }
        &mut self.0[at].1
    }

    /// `None`: the value has nothing of what is wanted.
    fn project(&self, value: &Value) -> Option<Value> {
        if self.0.is_empty() {
            return Some(value.clone());
        }
        match value {
            Value::M(map) => {
                let parts: Item = self
                    .0
                    .iter()
                    .filter_map(|(step, branch)| match step {
                        Step::Field(name) => Some((name.clone(), branch.project(map.get(name)?)?)),
                        Step::Index(_) => None,
                    })
                    .collect();
                (!parts.is_empty()).then_some(Value::M(parts))
            }
            Value::L(list) => {
                let parts: Vec<Value> = self
                    .0
                    .iter()
                    .filter_map(|(step, branch)| match step {
                        Step::Index(at) => branch.project(list.get(*at)?),
                        Step::Field(_) => None,
                    })
                    .collect();
                (!parts.is_empty()).then_some(Value::L(parts))
            }
            _ => None,
        }
    }
}
