//! Document paths: where in an item, and which paths exclude one another. Knows no expressions.

use crate::{Item, Value};

/// A document path: an attribute, perhaps a place within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The top-level attribute.
    pub name: String,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A map's member.
    Field(String),
    /// A list's element, counted from 0.
    Index(usize),
}

impl From<&str> for Path {
    /// A top-level attribute, whatever characters its name has.
    fn from(name: &str) -> Path {
        Path { name: name.to_string(), steps: vec![] }
    }
}

impl Path {
    /// Whether the path leads into an attribute.
    #[must_use]
    pub fn is_nested(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The value at the path.
    #[must_use]
    pub fn get<'i>(&self, item: &'i Item) -> Option<&'i Value> {
        self.steps.iter().try_fold(item.get(&self.name)?, |value, step| match (step, value) {
            (Step::Field(name), Value::M(map)) => map.get(name),
            (Step::Index(at), Value::L(list)) => list.get(*at),
            _ => None,
        })
    }

    pub(super) fn resident(&self) -> usize {
        let step = |step: &Step| match step {
            Step::Field(name) => size_of::<Step>() + name.len(),
            Step::Index(_) => size_of::<Step>(),
        };
        self.name.len() + self.steps.iter().map(step).sum::<usize>()
    }

    pub(super) fn get_mut<'i>(&self, item: &'i mut Item) -> Option<&'i mut Value> {
        self.steps.iter().try_fold(item.get_mut(&self.name)?, |value, step| match (step, value) {
            (Step::Field(name), Value::M(map)) => map.get_mut(name),
            (Step::Index(at), Value::L(list)) => list.get_mut(*at),
            _ => None,
        })
    }

    /// The path of what holds this path's value, and the last step; `None` for a top-level attribute.
    pub(super) fn parent(&self) -> Option<(Path, &Step)> {
        let (last, steps) = self.steps.split_last()?;
        Some((Path { name: self.name.clone(), steps: steps.to_vec() }, last))
    }

    fn relation(&self, other: &Path) -> Relation {
        if self.name != other.name {
            return Relation::Apart;
        }
        for steps in self.steps.iter().zip(&other.steps) {
            match steps {
                (left, right) if left == right => {}
                (Step::Field(_), Step::Field(_)) | (Step::Index(_), Step::Index(_)) => return Relation::Apart,
                _ => return Relation::Conflict,
            }
        }
        Relation::Overlap
    }
}

#[derive(PartialEq, Eq)]
enum Relation {
    Apart,
    /// One is the other, or leads into it.
    Overlap,
    /// One needs a list where the other needs a map.
    Conflict,
}

/// Refuses paths that overlap or conflict; overlaps are told first. The text is AWS's after the prefix.
pub(super) fn check_apart(paths: &[&Path]) -> Result<(), String> {
    for (relation, verb) in [(Relation::Overlap, "overlap"), (Relation::Conflict, "conflict")] {
        for (at, later) in paths.iter().enumerate() {
            if let Some(earlier) = paths[..at].iter().find(|earlier| earlier.relation(later) == relation) {
                return Err(format!(
                    "Two document paths {verb} with each other; must remove or rewrite one of these paths; \
                     path one: {earlier}, path two: {later}"
                ));
            }
        }
    }
    Ok(())
}

/// As AWS's messages write paths: `[a, b, [1]]`.
impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}", self.name)?;
        for step in &self.steps {
            match step {
                Step::Field(name) => write!(f, ", {name}")?,
                Step::Index(at) => write!(f, ", [{at}]")?,
            }
        }
        f.write_str("]")
    }
}
