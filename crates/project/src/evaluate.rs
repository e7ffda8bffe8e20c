//! Works out functions and conditions: a value as written becomes a value without any call in it. What exists only on
//! AWS stays as a sentence that says so and harms only whoever needs the value. Unknown names are not reported here
//! but in `references`, which sees branches not taken as well.

use crate::field::{Field, short};
use crate::intrinsics::{Argument, Call, FUNCTIONS, Piece, call, pieces};
use crate::resources::elsewhere;
use crate::scope::{Progress, Scope};
use crate::suggest::did_you_mean;
use crate::yaml::{Entry, Node, Value};

/// Longest text a function may produce: AWS takes none longer, and a chain of Subs doubles with each link.
const MAX_TEXT: usize = 1 << 20;
/// Most values (and 64 bytes of text count as one) that all functions of a template may produce.
const MAX_PRODUCED: usize = 1 << 20;
/// Deepest chain of conditions or names that refer to one another.
pub(crate) const MAX_CHAIN: usize = 50;

const IMPORT: &str = "Fn::ImportValue reads what another stack exported, and there are no other stacks here";

impl Scope<'_> {
    /// The value without calls. `None`: `AWS::NoValue`, so whatever holds the value is to leave it out.
    pub(crate) fn resolve(&self, field: &Field<'_>) -> Option<Node> {
        match call(field) {
            Some(call) => self.call(&call, field),
            None => Some(self.resolve_members(field)),
        }
    }

    /// The members of a map that are called `keys`, without calls. The others are not looked at: what they need may exist
    /// only on AWS, where alone it matters.
    pub(crate) fn resolve_some(&self, field: &Field<'_>, keys: &[&str]) -> Node {
        let Value::Map(entries) = &field.node.value else { return Node::broken(field.node.span) };
        let wanted = entries.iter().filter(|entry| keys.contains(&entry.key.as_str())).cloned().collect();
        let node = Node { span: field.node.span, tag: None, value: Value::Map(wanted) };
        self.resolve_members(&field.with_node(&node))
    }

    /// The branch that `Fn::If` takes, as written; the value itself if it is no such call. `None`: `AWS::NoValue`.
    pub(crate) fn taken<'b>(&self, field: &Field<'b>) -> Option<Field<'b>> {
        let Some(call) = call(field) else { return Some(field.clone()) };
        let argument = call.argument.field();
        match (call.name.as_str(), &argument.node.value) {
            ("Ref", Value::Text { text, .. }) if text == "AWS::NoValue" => None,
            ("Fn::If", Value::List(items)) => {
                let verdict = argument.items().first().and_then(Field::text).and_then(|name| self.condition(&name));
                match (items.as_slice(), verdict) {
                    ([_, yes, no], Some(verdict)) => self.taken(&field.with_node(if verdict { yes } else { no })),
                    _ => Some(field.clone()),
                }
            }
            _ => Some(field.clone()),
        }
    }

    /// Like [`Scope::resolve`], for a node whose tag, if it has one, is spent.
    fn resolve_members(&self, field: &Field<'_>) -> Node {
        let value = match &field.node.value {
            Value::List(_) => Value::List(field.items().iter().filter_map(|item| self.resolve(item)).collect()),
            Value::Map(entries) => {
                if entries.len() > 1 && entries.iter().any(|entry| FUNCTIONS[2..].contains(&entry.key.as_str())) {
                    field.error("a function must be the only key of its map");
                }
                let fields = field.entries();
                let resolved = entries.iter().zip(&fields).filter_map(|(entry, (_, member))| {
                    let value = self.resolve(member)?;
                    Some(Entry { key: entry.key.clone(), key_span: entry.key_span, value })
                });
                Value::Map(resolved.collect())
            }
            other => other.clone(),
        };
        Node { span: field.node.span, tag: None, value }
    }

    /// The argument's value, for functions that take any.
    fn argument(&self, argument: &Argument<'_>) -> Node {
        match argument {
            Argument::Tagged(field) => self.resolve_members(field),
            Argument::Own(field) => self.resolve(field).unwrap_or_else(|| Node::broken(field.node.span)),
        }
    }

    fn call(&self, call: &Call<'_>, field: &Field<'_>) -> Option<Node> {
        let span = field.node.span;
        if self.produced.get() > MAX_PRODUCED {
            return Some(Node::broken(span));
        }
        let argument = call.argument.field();
        let value = match call.name.as_str() {
            "Ref" => return self.reference(&argument.text().unwrap_or_default(), field),
            "Fn::If" => return self.choose(argument),
            "Fn::GetAtt" => self.get_att(&call.argument),
            "Fn::Sub" => self.substitute(argument).map(text),
            "Fn::Join" => self.join(&call.argument).map(text),
            "Fn::Select" => self.select(&call.argument),
            "Fn::Split" => self.split(&call.argument),
            "Fn::FindInMap" => self.find_in_map(&call.argument),
            "Fn::Base64" => {
                self.text_of(field, &self.argument(&call.argument)).map(|plain| text(base64(plain.as_bytes())))
            }
            "Fn::GetAZs" => Err(Value::Away("availability zones exist only on AWS".into())),
            "Fn::ImportValue" => {
                field.error_help(IMPORT, "make it a parameter, and give it with `--parameter`");
                Err(Value::Broken)
            }
            "Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals" | "Condition" => {
                field.error_help(
                    format!("{} stands only under Conditions", call.name),
                    "name the condition there, and use Fn::If here",
                );
                Err(Value::Broken)
            }
            "Fn::Cidr" => {
                field.error_help(
                    "Fn::Cidr is not worked out here",
                    "networks mean nothing here: write the value itself",
                );
                Err(Value::Broken)
            }
            other => {
                let message = format!("{other} is not worked out here");
                let plain = |name: &'static str| name.trim_start_matches("Fn::");
                let mut diagnostic = field.diagnostic(crate::Severity::Error, message);
                diagnostic.help = did_you_mean(other.trim_start_matches("Fn::"), FUNCTIONS.map(plain));
                field.report.push(diagnostic);
                Err(Value::Broken)
            }
        };
        Some(self.charge(field, Node { span, tag: None, value: value.unwrap_or_else(|value| value) }))
    }

    /// Bounds what all calls together produce: a short template can ask for the same long list very often.
    fn charge(&self, field: &Field<'_>, node: Node) -> Node {
        let weight = match &node.value {
            Value::List(items) => items.len(),
            Value::Text { text, .. } => text.len() / 64,
            _ => 0,
        };
        self.produced.set(self.produced.get() + weight);
        if self.produced.get() <= MAX_PRODUCED {
            return node;
        }
        field.error(format!("the template's functions come to more than {MAX_PRODUCED} values"));
        Node::broken(node.span)
    }

    /// What `!Ref name` comes to. `None` for `AWS::NoValue`.
    fn reference(&self, name: &str, at: &Field<'_>) -> Option<Node> {
        if name == "AWS::NoValue" {
            return None;
        }
        let span = at.node.span;
        if let Some(node) = self.pseudo(name, span) {
            return Some(node);
        }
        if let Some(value) = self.parameters.get(name) {
            return Some(self.charge(at, Node { span, tag: None, value: value.clone() }));
        }
        // `Function.Version` and the like name what SAM makes of a resource.
        let id = name.split('.').next().unwrap_or(name);
        let value = match self.resource(id) {
            Some(resource) if self.is_included(resource) => match resource.resource_type {
                Some(kind) => (kind.reference)(self, resource),
                None => elsewhere::reference(self, resource).unwrap_or_else(|| {
                    Value::Away(format!("`{id}` ({}) is not run here, so it has no name", resource.type_name))
                }),
            },
            None if self.is_made_by_sam(id) => Value::Away(format!("`{name}` is made by SAM on AWS only")),
            _ => Value::Broken,
        };
        Some(Node { span, tag: None, value })
    }

    fn get_att(&self, argument: &Argument<'_>) -> Result<Value, Value> {
        let (id, attribute) = get_att_names(argument.field()).ok_or(Value::Broken)?;
        Ok(self.attribute(&id, &attribute))
    }

    fn attribute(&self, id: &str, attribute: &str) -> Value {
        match self.resource(id) {
            Some(resource) if self.is_included(resource) => match resource.resource_type {
                Some(kind) if kind.attributes.contains(&attribute) => (kind.attribute)(self, resource, attribute),
                Some(_) => Value::Broken,
                None => elsewhere::arn(self, resource).filter(|_| attribute == "Arn").unwrap_or_else(|| {
                    Value::Away(format!("`{id}` ({}) is not run here, so it has no {attribute}", resource.type_name))
                }),
            },
            None if self.is_made_by_sam(id) => Value::Away(format!("`{id}` is made by SAM on AWS only")),
            _ => Value::Broken,
        }
    }

    fn choose(&self, argument: &Field<'_>) -> Option<Node> {
        let broken = Some(Node::broken(argument.node.span));
        let items = argument.items();
        let [condition, yes, no] = items.as_slice() else {
            argument.unexpected_count("Fn::If", "a condition's name, the value if it holds, and the value if not");
            return broken;
        };
        let Some(name) = condition.text() else { return broken };
        match self.condition(&name) {
            Some(true) => self.resolve(yes),
            Some(false) => self.resolve(no),
            None => broken,
        }
    }

    fn substitute(&self, argument: &Field<'_>) -> Result<String, Value> {
        let list = if matches!(argument.node.value, Value::List(_)) { argument.items() } else { Vec::new() };
        let (template, variables) = match list.as_slice() {
            [] => (argument.clone(), None),
            [template, variables] => (template.clone(), Some(variables.clone())),
            _ => {
                argument.unexpected_count("Fn::Sub", "a text, or a list of a text and a map of its variables");
                return Err(Value::Broken);
            }
        };
        let format = template.text().ok_or(Value::Broken)?;
        let pieces = pieces(&format).map_err(|message| {
            template.error(message);
            Value::Broken
        })?;
        let mut out = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => out += literal,
                Piece::Variable(name) => out += &self.variable(name, variables.as_ref(), argument)?,
            }
            if out.len() > MAX_TEXT {
                argument.error(format!("comes to more than {MAX_TEXT} bytes"));
                return Err(Value::Broken);
            }
        }
        Ok(out)
    }

    fn variable(&self, name: &str, variables: Option<&Field<'_>>, at: &Field<'_>) -> Result<String, Value> {
        if let Some(own) = variables.and_then(|variables| variables.get(name)) {
            let node = self.resolve(&own).ok_or(Value::Broken)?;
            return self.text_of(&own, &node);
        }
        let span = at.node.span;
        let node = match name.split_once('.') {
            Some((id, attribute)) => Node { span, tag: None, value: self.attribute(id, attribute) },
            None => self.reference(name, at).unwrap_or_else(|| Node::text(span, "")),
        };
        self.text_of(at, &node)
    }

    /// The text of a value that has been worked out; a value from elsewhere, or a broken one, passes through.
    fn text_of(&self, at: &Field<'_>, node: &Node) -> Result<String, Value> {
        match &node.value {
            Value::Text { text, .. } => Ok(text.clone()),
            away @ Value::Away(_) => Err(away.clone()),
            _ => {
                at.with_node(node).unexpected("a string");
                Err(Value::Broken)
            }
        }
    }

    /// The members of a function's list argument, worked out.
    fn list_argument(&self, argument: &Argument<'_>) -> Result<Vec<Node>, Value> {
        let node = self.argument(argument);
        self.list_of(argument.field(), node)
    }

    fn list_of(&self, at: &Field<'_>, node: Node) -> Result<Vec<Node>, Value> {
        match node.value {
            Value::List(items) => Ok(items),
            away @ Value::Away(_) => Err(away),
            _ => {
                at.with_node(&node).unexpected("a list");
                Err(Value::Broken)
            }
        }
    }

    fn join(&self, argument: &Argument<'_>) -> Result<String, Value> {
        let field = argument.field();
        let Ok([separator, members]) = <[Node; 2]>::try_from(self.list_argument(argument)?) else {
            field.unexpected_count("Fn::Join", "a separator and a list");
            return Err(Value::Broken);
        };
        let separator = self.text_of(field, &separator)?;
        let members = self.list_of(field, members)?;
        let texts = members.iter().map(|member| self.text_of(field, member)).collect::<Result<Vec<_>, _>>()?;
        let length: usize = texts.iter().map(|text| text.len() + separator.len()).sum();
        if length > MAX_TEXT {
            field.error(format!("comes to more than {MAX_TEXT} bytes"));
            return Err(Value::Broken);
        }
        Ok(texts.join(&separator))
    }

    fn select(&self, argument: &Argument<'_>) -> Result<Value, Value> {
        let field = argument.field();
        let Ok([index, members]) = <[Node; 2]>::try_from(self.list_argument(argument)?) else {
            field.unexpected_count("Fn::Select", "an index and a list");
            return Err(Value::Broken);
        };
        let index = self.text_of(field, &index)?;
        let mut members = self.list_of(field, members)?;
        match index.parse::<usize>() {
            Ok(index) if index < members.len() => Ok(members.swap_remove(index).value),
            _ => {
                field.error(format!("Fn::Select: `{}` is not an index of a list of {}", short(&index), members.len()));
                Err(Value::Broken)
            }
        }
    }

    fn split(&self, argument: &Argument<'_>) -> Result<Value, Value> {
        let field = argument.field();
        let Ok([separator, whole]) = <[Node; 2]>::try_from(self.list_argument(argument)?) else {
            field.unexpected_count("Fn::Split", "a separator and a text");
            return Err(Value::Broken);
        };
        let (separator, whole) = (self.text_of(field, &separator)?, self.text_of(field, &whole)?);
        if separator.is_empty() {
            field.error("Fn::Split: the separator is empty");
            return Err(Value::Broken);
        }
        Ok(Value::List(whole.split(&separator).map(|part| Node::text(field.node.span, part)).collect()))
    }

    fn find_in_map(&self, argument: &Argument<'_>) -> Result<Value, Value> {
        let field = argument.field();
        let nodes = self.list_argument(argument)?;
        if !(3..=4).contains(&nodes.len()) {
            field.unexpected_count("Fn::FindInMap", "a mapping's name, a key and a second key");
            return Err(Value::Broken);
        }
        let path = nodes[..3].iter().map(|node| self.text_of(field, node)).collect::<Result<Vec<_>, _>>()?;
        let default = || field.with_node(nodes.get(3)?).get("DefaultValue").map(|f| f.node.value.clone());
        let mut at = self.mappings.clone();
        for (depth, key) in path.iter().enumerate() {
            match at.as_ref().and_then(|at| at.get(key)) {
                Some(next) => at = Some(next),
                None => {
                    return default().ok_or_else(|| {
                        not_mapped(field, at.as_ref(), &path[..depth], key);
                        Value::Broken
                    });
                }
            }
        }
        Ok(at.map_or(Value::Broken, |found| found.node.value.clone()))
    }
}

impl Scope<'_> {
    /// Whether condition `name` holds; `None` if that cannot be said, which was or will be reported.
    pub(crate) fn condition(&self, name: &str) -> Option<bool> {
        let field = self.conditions.get(name)?;
        let known = self.verdicts.borrow().get(name).cloned();
        match known {
            Some(Progress::Done(verdict)) => return verdict,
            Some(Progress::Begun) => {
                field.error(format!("condition `{name}` depends on itself"));
                return None;
            }
            None => {}
        }
        if self.depth.get() >= MAX_CHAIN {
            field.error(format!("conditions refer to one another more than {MAX_CHAIN} deep"));
            return None;
        }
        self.verdicts.borrow_mut().insert(name.to_string(), Progress::Begun);
        self.depth.set(self.depth.get() + 1);
        let verdict = self.truth(field);
        self.depth.set(self.depth.get() - 1);
        self.verdicts.borrow_mut().insert(name.to_string(), Progress::Done(verdict));
        verdict
    }

    /// Whether the condition written in `field` holds.
    fn truth(&self, field: &Field<'_>) -> Option<bool> {
        if let (None, Value::Map(entries), Some(named)) = (&field.node.tag, &field.node.value, field.get("Condition"))
            && entries.len() == 1
        {
            return self.condition(&named.text()?);
        }
        let Some(call) = call(field) else {
            field.unexpected("Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition");
            return None;
        };
        let argument = call.argument.field();
        match call.name.as_str() {
            "Condition" => self.condition(&argument.text()?),
            "Fn::Equals" => self.equal(&call.argument),
            "Fn::Not" => {
                let items = argument.items();
                let [one] = items.as_slice() else {
                    argument.unexpected_count("Fn::Not", "one condition in a list");
                    return None;
                };
                self.truth(one).map(|verdict| !verdict)
            }
            "Fn::And" | "Fn::Or" => {
                let items = argument.items();
                if !(2..=10).contains(&items.len()) {
                    argument.unexpected_count(&call.name, "2 to 10 conditions");
                    return None;
                }
                // All of them, so that a fault in the last one is found although the first decides.
                let verdicts: Vec<Option<bool>> = items.iter().map(|item| self.truth(item)).collect();
                let all: Option<Vec<bool>> = verdicts.into_iter().collect();
                all.map(|all| if call.name == "Fn::And" { all.iter().all(|v| *v) } else { all.iter().any(|v| *v) })
            }
            other => {
                field.error(format!("{other} does not come to true or false"));
                None
            }
        }
    }

    fn equal(&self, argument: &Argument<'_>) -> Option<bool> {
        let field = argument.field();
        let node = self.argument(argument);
        let sides = self.list_of(field, node).ok()?;
        let [left, right] = sides.as_slice() else {
            field.unexpected_count("Fn::Equals", "two values");
            return None;
        };
        let side = |node: &Node| {
            self.text_of(field, node)
                .map_err(|value| {
                    if let Value::Away(why) = value {
                        field.error(format!("cannot be decided here: {why}"))
                    }
                })
                .ok()
        };
        let (left, right) = (side(left), side(right));
        Some(left? == right?)
    }
}

/// Says that `key` is not where `Fn::FindInMap` looks for it: in `at`, which is below `path` in Mappings.
fn not_mapped(field: &Field<'_>, at: Option<&Field<'_>>, path: &[String], key: &str) {
    let inside = if path.is_empty() { "Mappings".to_string() } else { format!("Mappings.{}", path.join(".")) };
    let message = format!("Fn::FindInMap: {inside} has no `{}`", short(key));
    let mut diagnostic = field.diagnostic(crate::Severity::Error, message);
    if !field.report.is_full() {
        let known = at.map(Field::entries).unwrap_or_default();
        diagnostic.help = did_you_mean(key, known.iter().map(|(key, _)| *key));
    }
    field.report.push(diagnostic);
}

impl Field<'_> {
    fn unexpected_count(&self, function: &str, wanted: &str) {
        if !matches!(self.node.value, Value::Broken) {
            self.error(format!("{function} takes {wanted}"));
        }
    }
}

/// The logical id and the attribute of `Fn::GetAtt`, from `Votes.Arn` or `[Votes, Arn]`.
pub(crate) fn get_att_names(argument: &Field<'_>) -> Option<(String, String)> {
    match &argument.node.value {
        Value::Text { text, .. } => text.split_once('.').map(|(id, attribute)| (id.to_string(), attribute.to_string())),
        Value::List(items) => match items.as_slice() {
            [
                Node { value: Value::Text { text: id, .. }, .. },
                Node { tag: None, value: Value::Text { text: attribute, .. }, .. },
            ] => Some((id.clone(), attribute.clone())),
            _ => None,
        },
        _ => None,
    }
}

fn text(text: String) -> Value {
    Value::Text { text, plain: false }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (group >> (18 - 6 * place)) & 63;
            out.push(if place <= chunk.len() { ALPHABET[digit as usize] as char } else { '=' });
        }
    }
    out
}
