//! Random tables, edited at random, exported in random style: the delta applied to the previous table is the next one.

use super::{Place, Row, apply, check_variation, gzip, show, variations};
use crate::{Config, Empty, Input, Policy};
use proptest::{collection::vec, prelude::*, sample::select};
use std::collections::BTreeMap;

/// Texts that are hard to quote, hash or tell apart.
const TEXTS: [&str; 16] =
    ["", "a", "b", "a,b", "\"", "\"\"", "a\"b", "\n", "\r", "a\r\nb", ",", " a ", "é東", "\u{FEFF}", "a\rb", "''"];
const KEYS: [&str; 12] = ["1", "2", "3", "4", "5", "6", "7,8", "\"9\"", "10\n", "é", "\r", " 1"];
const COLUMNS: [&str; 4] = ["a", "b,c", "d\"", "東"];

/// How an export is written down.
#[derive(Clone, Debug)]
struct Style {
    /// Decides about quotes and blank lines, one bit after the other, again and again.
    bits: Vec<bool>,
    crlf: bool,
    mark: bool,
    last_line_end: bool,
    files: usize,
    members: bool,
    reverse_columns: bool,
}

fn style() -> impl Strategy<Value = Style> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (vec(any::<bool>(), 1..20), 1..4_usize, flags).prop_map(|(bits, files, flags)| Style {
        bits,
        crlf: flags.0,
        mark: flags.1,
        last_line_end: flags.2,
        files,
        members: flags.3,
        reverse_columns: flags.4,
    })
}

/// Rows by composite key: what each of the columns says.
type Table = BTreeMap<(usize, usize), Vec<usize>>;

fn table() -> impl Strategy<Value = Table> {
    let key = (0..KEYS.len(), 0..3_usize);
    proptest::collection::btree_map(key, vec(0..TEXTS.len(), COLUMNS.len()), 0..25)
}

/// One table, and what becomes of some of its rows: gone, or another text in a column.
fn tables() -> impl Strategy<Value = (Table, Table)> {
    let edit = (any::<proptest::sample::Index>(), 0..COLUMNS.len(), proptest::option::of(0..TEXTS.len()));
    (table(), vec(edit, 0..8), table(), any::<bool>()).prop_map(|(previous, edits, more, keep)| {
        let mut next = previous.clone();
        for (at, column, text) in edits.into_iter().filter(|_| !previous.is_empty()) {
            let key = *at.get(&previous.keys().collect::<Vec<_>>());
            match (text, next.get_mut(key)) {
                (Some(text), Some(row)) => row[column] = text,
                (None, _) => drop(next.remove(key)),
                _ => {}
            }
        }
        if !keep {
            next.extend(more.into_iter().take(5));
        }
        (previous, next)
    })
}

/// The columns that an export has.
#[derive(Clone, Debug)]
struct Shape {
    columns: Vec<usize>,
    composite: bool,
    empty: Empty,
}

impl Shape {
    /// Rows as somebody downstream sees them.
    fn rows(&self, table: &Table) -> BTreeMap<Vec<String>, Row> {
        let row = |((first, second), texts): (&(usize, usize), &Vec<usize>)| {
            let names = ["PK", "SK"].map(str::to_owned);
            let keys = [KEYS[*first], KEYS[*second]].map(str::to_owned);
            let key = if self.composite { keys.to_vec() } else { keys[..1].to_vec() };
            let texts = self.columns.iter().map(|at| (COLUMNS[*at].to_owned(), TEXTS[texts[*at]].to_owned()));
            let row = names.into_iter().zip(keys).chain(texts);
            let row = row.filter(|(_, text)| self.empty == Empty::Text || !text.is_empty()).collect();
            (key, row)
        };
        table.iter().map(row).collect()
    }

    /// Without composite keys, only one row of a first key.
    fn thin(&self, table: Table) -> Table {
        let mut seen = std::collections::BTreeSet::new();
        table.into_iter().filter(|((first, _), _)| self.composite || seen.insert(*first)).collect()
    }

    fn export(&self, place: &Place, name: &str, table: &Table, style: &Style) -> Input {
        let mut columns: Vec<(String, usize)> = vec![("PK".to_owned(), usize::MAX), ("SK".to_owned(), usize::MAX - 1)];
        columns.extend(self.columns.iter().map(|at| (COLUMNS[*at].to_owned(), *at)));
        if style.reverse_columns {
            columns.reverse();
        }
        let mut bits = style.bits.iter().cycle();
        let mut field = |text: &str| {
            let must = text.contains([',', '"', '\n', '\r']) || text.contains('\u{FEFF}');
            let quoted = *bits.next().expect("cycles") || must;
            if quoted { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
        };
        let end = if style.crlf { "\r\n" } else { "\n" };
        let mut header = |mark: bool| {
            let names: Vec<String> = columns.iter().map(|(name, _)| field(name)).collect();
            format!("{}{}{end}", if mark { "\u{FEFF}" } else { "" }, names.join(","))
        };
        let mut texts: Vec<String> = (0..style.files).map(|_| header(style.mark)).collect();
        let mut bits = style.bits.iter().cycle();
        for (number, ((first, second), row)) in table.iter().enumerate() {
            let text = |at: usize| match at {
                usize::MAX => KEYS[*first],
                at if at == usize::MAX - 1 => KEYS[*second],
                at => TEXTS[row[at]],
            };
            let fields: Vec<String> = columns.iter().map(|(_, at)| field(text(*at))).collect();
            let blank = if *bits.next().expect("cycles") { end } else { "" };
            let file = &mut texts[number % style.files];
            file.push_str(&format!("{blank}{}{end}", fields.join(",")));
        }
        let bytes = texts.iter().enumerate().map(|(at, text)| {
            let text = if style.last_line_end { text.as_str() } else { text.trim_end_matches(end) };
            let (half, text) = (text.len() / 3, text.as_bytes());
            let bytes = if style.members { [gzip(&text[..half]), gzip(&text[half..])].concat() } else { gzip(text) };
            place.raw(&format!("{name}{at}.gz"), &bytes)
        });
        Input { files: bytes.collect() }
    }
}

fn shape() -> impl Strategy<Value = (Shape, Shape)> {
    let columns = || select(vec![vec![0, 1, 2, 3], vec![3, 0], vec![0, 1, 2], vec![]]);
    let same = any::<bool>();
    (columns(), columns(), same, any::<bool>(), any::<bool>()).prop_map(|(before, after, same, composite, text)| {
        let empty = if text { Empty::Text } else { Empty::Absent };
        let after = if same { before.clone() } else { after };
        (Shape { columns: before, composite, empty }, Shape { columns: after, composite, empty })
    })
}

fn cases() -> u32 {
    if std::env::var_os("STREAMFOLD_LONG").is_some() { 5000 } else { 100 }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn the_delta_makes_the_next_table_of_the_previous_one(
        (previous, next) in tables(),
        (before, after) in shape(),
        styles in (style(), style()),
        variation in any::<proptest::sample::Index>(),
    ) {
        let place = Place::new();
        let (previous, next) = (before.thin(previous), after.thin(next));
        let key = if before.composite { vec!["SK".to_owned(), "PK".to_owned()] } else { vec!["PK".to_owned()] };
        let config = Config { key, added: Policy::Accept, dropped: Policy::Accept, empty: before.empty, ..place.config() };
        let old = before.export(&place, "previous", &previous, &styles.0);
        let new = after.export(&place, "next", &next, &styles.1);
        let delta = place.full(&config, Some(&old), &new, "full");
        check_variation(variation.get(&variations(&config)), &place, &old, &new, &show(&delta));
        let delta = delta.unwrap();

        let sort = |rows: BTreeMap<Vec<String>, Row>| -> BTreeMap<Vec<String>, Row> {
            let reverse = |mut key: Vec<String>| { key.reverse(); key };
            rows.into_iter().map(|(key, row)| (reverse(key), row)).collect()
        };
        let (mut table, expected) = (sort(before.rows(&previous)), sort(after.rows(&next)));
        // Not only is the result right: there is an operation for each row that differs, and for no other.
        let differing = table.iter().filter(|(key, row)| expected.get(*key) != Some(*row)).count();
        let came = expected.keys().filter(|key| !table.contains_key(*key)).count();
        prop_assert_eq!(delta.statistics.operations(), (differing + came) as u64);
        apply(&mut table, &delta.operations);
        prop_assert_eq!(table, expected);
    }
}
