//! A view's plan: which items count, into which group, with which numbers; and the words for items that do not fit.
//! Knows no syntax and no storage.

use super::predicate::Predicate;
use item::{Item, Key, KeyKind, KeySchema, KeyValue, Number, Value, WideSum};

/// What a query means, ready to be applied to items.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The source table as the SQL names it.
    pub(super) source: String,
    /// Where [`Plan::source`] stands: line and column.
    pub(super) source_at: (usize, usize),
    /// Every attribute the query reads; the others refer to them by index.
    pub(super) paths: Vec<Path>,
    /// Indexes of the paths, sorted by their first names.
    pub(super) order: Vec<PathId>,
    pub(super) filter: Option<Predicate>,
    /// One per key attribute of the output, in its order.
    pub(super) key: Vec<KeyColumn>,
    /// The distinct arguments of the aggregates.
    pub(super) arguments: Vec<Argument>,
    pub(super) columns: Vec<Column>,
    /// The output's key.
    pub(super) output: KeySchema,
}

/// An attribute, or a member of nested maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub first: String,
    pub rest: Vec<String>,
    /// Line and column of its first mention.
    pub at: (usize, usize),
}

/// Index into [`Plan::paths`].
pub(super) type PathId = u16;

#[derive(Clone, Debug)]
pub(super) struct KeyColumn {
    pub name: String,
    pub kind: KeyKind,
    pub bytes_max: usize,
    pub from: KeySource,
}

#[derive(Clone, Debug)]
pub(super) enum KeySource {
    Path(PathId),
    Constant(KeyValue),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub path: PathId,
    /// Used by SUM or AVG: anything but a number does not fit.
    pub number: bool,
}

/// An output attribute that is not part of the key.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: String,
    pub aggregate: Aggregate,
}

/// The numbers are indexes into [`Plan::arguments`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    CountAll,
    Count(usize),
    Sum(usize),
    Avg(usize),
}

/// An attribute's type; the numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    S = 1,
    N = 2,
    B = 3,
    Bool = 4,
    Null = 5,
    Ss = 6,
    Ns = 7,
    Bs = 8,
    L = 9,
    M = 10,
}

impl Kind {
    const ALL: [Kind; 10] =
        [Kind::S, Kind::N, Kind::B, Kind::Bool, Kind::Null, Kind::Ss, Kind::Ns, Kind::Bs, Kind::L, Kind::M];

    fn decode(byte: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    pub(super) fn code(self) -> &'static str {
        match self {
            Kind::S => "S",
            Kind::N => "N",
            Kind::B => "B",
            Kind::Bool => "BOOL",
            Kind::Null => "NULL",
            Kind::Ss => "SS",
            Kind::Ns => "NS",
            Kind::Bs => "BS",
            Kind::L => "L",
            Kind::M => "M",
        }
    }
}

impl From<KeyKind> for Kind {
    fn from(kind: KeyKind) -> Kind {
        match kind {
            KeyKind::S => Kind::S,
            KeyKind::N => Kind::N,
            KeyKind::B => Kind::B,
        }
    }
}

/// Why an item does not fit a query: it is left out, counted by this reason, and shown. Refers to the plan's paths;
/// [`Plan::reason`] says it in words. There are only so many reasons per plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Misfit {
    pub(super) path: PathId,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum What {
    /// A group attribute is not there.
    Missing,
    /// A group attribute has another type than the output's key.
    GroupKind { actual: Kind, wanted: Kind },
    /// A group attribute is an empty string or binary.
    Empty,
    /// A group attribute is longer than a key can be.
    TooLong,
    /// The argument of SUM or AVG.
    NotNumber { actual: Kind },
    /// Two values of different types, or of a type without order, compared in WHERE.
    Compared { actual: Kind, other: Kind },
    /// LIKE on something else than a string.
    NotText { actual: Kind },
    /// A condition by itself that is not a BOOL.
    NotBool { actual: Kind },
}

impl Misfit {
    pub(super) fn new(path: PathId, what: What) -> Misfit {
        Misfit { path, what }
    }

    /// Appends the five bytes of its stored form: what, path (u16 big-endian), two types.
    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        let (what, actual, other) = match self.what {
            What::Missing => (1, 0, 0),
            What::GroupKind { actual, wanted } => (2, actual as u8, wanted as u8),
            What::Empty => (3, 0, 0),
            What::TooLong => (4, 0, 0),
            What::NotNumber { actual } => (5, actual as u8, 0),
            What::Compared { actual, other } => (6, actual as u8, other as u8),
            What::NotText { actual } => (7, actual as u8, 0),
            What::NotBool { actual } => (8, actual as u8, 0),
        };
        out.push(what);
        out.extend_from_slice(&self.path.to_be_bytes());
        out.extend_from_slice(&[actual, other]);
    }

    /// Reads what `encode` wrote; `None` for anything else.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Misfit> {
        let &[what, high, low, actual, other] = bytes else { return None };
        let what = match what {
            1 => What::Missing,
            2 => What::GroupKind { actual: Kind::decode(actual)?, wanted: Kind::decode(other)? },
            3 => What::Empty,
            4 => What::TooLong,
            5 => What::NotNumber { actual: Kind::decode(actual)? },
            6 => What::Compared { actual: Kind::decode(actual)?, other: Kind::decode(other)? },
            7 => What::NotText { actual: Kind::decode(actual)? },
            8 => What::NotBool { actual: Kind::decode(actual)? },
            _ => return None,
        };
        Some(Misfit { path: u16::from_be_bytes([high, low]), what })
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.first)?;
        self.rest.iter().try_for_each(|name| write!(f, ".{name}"))
    }
}

impl Path {
    pub fn get<'a>(&self, item: &'a Item) -> Option<&'a Value> {
        let mut value = item.get(&self.first)?;
        for name in &self.rest {
            let Value::M(map) = value else { return None };
            value = map.get(name)?;
        }
        Some(value)
    }
}

impl Plan {
    /// The source table, as the SQL names it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// A misfit in words: `attribute region is missing`.
    #[must_use]
    pub fn reason(&self, misfit: Misfit) -> String {
        let path = self.paths.get(usize::from(misfit.path)).map_or_else(|| "?".to_string(), Path::to_string);
        let rest = match misfit.what {
            What::Missing => "is missing".to_string(),
            What::GroupKind { actual, wanted } => {
                format!("is {}, the view's key needs {}", actual.code(), wanted.code())
            }
            What::Empty => "is empty, which a key cannot be".to_string(),
            What::TooLong => "is longer than a key can be".to_string(),
            What::NotNumber { actual } => format!("is {}, SUM and AVG need N", actual.code()),
            What::Compared { actual, other } if actual == other => {
                format!("is {}, which WHERE cannot compare", actual.code())
            }
            What::Compared { actual, other } => {
                format!("is {}, compared with {} in WHERE", actual.code(), other.code())
            }
            What::NotText { actual } => format!("is {}, LIKE needs S", actual.code()),
            What::NotBool { actual } => format!("is {}, a condition by itself needs BOOL", actual.code()),
        };
        format!("attribute {path} {rest}")
    }

    /// How many distinct arguments the aggregates have: the length of a group's tallies.
    pub(crate) fn argument_count(&self) -> usize {
        self.arguments.len()
    }

    /// The key of the group whose encoded values these are; `None` when they are not from [`Evaluated`].
    ///
    /// [`Evaluated`]: super::Evaluated
    pub(crate) fn group_key(&self, group: &[u8]) -> Option<Key> {
        super::evaluate::decode_group(&self.output, group)
    }

    /// The visible row of a group. `tallies`: per argument how many values it had and, where summed, their sum.
    pub(crate) fn row(&self, key: &Key, count: u64, tallies: &[(u64, WideSum)]) -> Item {
        let mut row = self.output.attributes(key);
        for column in &self.columns {
            let value = match column.aggregate {
                Aggregate::CountAll => Value::N(Number::from(count)),
                Aggregate::Count(argument) => Value::N(Number::from(tallies[argument].0)),
                Aggregate::Sum(argument) => number_or_null(&tallies[argument], |sum, _| sum.rounded()),
                Aggregate::Avg(argument) => number_or_null(&tallies[argument], WideSum::mean),
            };
            row.insert(column.name.clone(), value);
        }
        row
    }
}

/// SQL's NULL where there was no value, and where the result is beyond a number's range; too small is zero.
fn number_or_null(
    (count, sum): &(u64, WideSum),
    result: impl Fn(&WideSum, u64) -> Result<Number, item::NumberError>,
) -> Value {
    if *count == 0 {
        return Value::Null;
    }
    match result(sum, *count) {
        Ok(number) => Value::N(number),
        Err(item::NumberError::Underflow) => Value::N(Number::ZERO),
        Err(_) => Value::Null,
    }
}
