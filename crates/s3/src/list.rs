//! Pages of keys in order, groups of keys that share what comes before a delimiter counted as one. The same for objects
//! and for uploads under way, which differ only in where a page is read from.

use crate::{
    buckets::Buckets,
    error::Error,
    object::{self, Object},
    objects::read,
};
use db::Query;
use item::{KeyValue, SortRange};

/// Most entries of a page.
pub const ENTRIES_MAX: usize = 1000;
/// First read where keys are grouped: most of what is read may be passed over.
const FIRST_READ: usize = 32;

/// What to list.
#[derive(Clone, Debug)]
pub struct Listed {
    pub prefix: String,
    /// Not empty.
    pub delimiter: Option<String>,
    pub from: From,
    /// At most [`ENTRIES_MAX`].
    pub max: usize,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    Start,
    /// Behind all of this key.
    Behind(String),
    /// Behind all keys that begin so.
    BehindGroup(String),
    /// Behind one of several entries of a key: the key and what tells them apart.
    Within(String, String),
}

/// A line of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<T> {
    One(T),
    /// All keys that begin so.
    Group(String),
}

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing<T> {
    pub entries: Vec<Entry<T>>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<From>,
}

/// What is listed.
pub(crate) trait Keyed {
    fn key(&self) -> &str;
    /// The place behind it.
    fn behind(&self) -> From;
}

impl Keyed for Object {
    fn key(&self) -> &str {
        &self.key
    }

    fn behind(&self) -> From {
        From::Behind(self.key.clone())
    }
}

impl From {
    /// The key that everything wanted is greater than.
    pub(crate) fn bound(&self) -> Option<String> {
        match self {
            From::Start => None,
            From::Behind(key) | From::Within(key, _) => Some(key.clone()),
            From::BehindGroup(group) => Some(past(group)),
        }
    }
}

/// A text greater than every key that begins with the group's: no key has so many of the greatest character.
fn past(group: &str) -> String {
    const GREATEST: char = char::MAX;
    let count = object::KEY_BYTES_MAX / GREATEST.len_utf8() + 1;
    group.chars().chain(std::iter::repeat_n(GREATEST, count)).collect()
}

impl Listed {
    /// The group that a key belongs to, if it is in one.
    #[must_use]
    pub fn group_of<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter.as_deref()?;
        let at = key.strip_prefix(&*self.prefix)?.find(delimiter)?;
        Some(&key[..self.prefix.len() + at + delimiter.len()])
    }

    /// The range of keys with the prefix.
    pub(crate) fn range(&self) -> SortRange {
        match &*self.prefix {
            "" => SortRange::All,
            prefix => SortRange::BeginsWith(KeyValue::S(prefix.to_owned())),
        }
    }

    /// A page; `read` answers entries behind a place, in order and with the prefix, at most so many, and whether there may
    /// be more.
    pub(crate) fn page<T: Keyed>(
        &self,
        mut read: impl FnMut(&From, usize) -> Result<(Vec<T>, bool), Error>,
    ) -> Result<Listing<T>, Error> {
        let mut listing = Listing { entries: Vec::new(), next: None };
        if self.max == 0 {
            return Ok(listing);
        }
        let all = self.max.min(ENTRIES_MAX) + 1;
        let mut count = if self.delimiter.is_some() { FIRST_READ.min(all) } else { all };
        let mut from = self.from.clone();
        loop {
            let (found, more) = read(&from, count)?;
            for one in found {
                if !self.take(one, &mut from, &mut listing) {
                    listing.next = Some(from);
                    return Ok(listing);
                }
            }
            if !more {
                return Ok(listing);
            }
            count = (count * 2).min(all);
        }
    }

    /// Adds one to the page; `false` when there is no room for it. `from` is behind what was taken.
    fn take<T: Keyed>(&self, one: T, from: &mut From, listing: &mut Listing<T>) -> bool {
        let group = self.group_of(one.key());
        if matches!((group, &*from), (Some(group), From::BehindGroup(taken)) if group == taken) {
            return true;
        }
        if listing.entries.len() >= self.max {
            return false;
        }
        match group.map(str::to_owned) {
            Some(group) => {
                *from = From::BehindGroup(group.clone());
                listing.entries.push(Entry::Group(group));
            }
            None => {
                *from = one.behind();
                listing.entries.push(Entry::One(one));
            }
        }
        true
    }
}

impl Buckets {
    /// A page of a bucket's objects.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub fn list(&self, bucket: &str, listed: &Listed) -> Result<Listing<Object>, Error> {
        let found = self.bucket(bucket)?;
        listed.page(|from, count| {
            let query = Query {
                partition: object::partition(),
                sort: listed.range(),
                reverse: false,
                start: from.bound().map(|key| object::table_key(&key)),
                limit: Some(count),
                filter: None,
            };
            let page = self.0.db.query(&found.objects, &query)?;
            let objects = page.items.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            Ok((objects, page.last.is_some()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    impl Keyed for &'static str {
        fn key(&self) -> &str {
            self
        }

        fn behind(&self) -> From {
            From::Behind((*self).to_owned())
        }
    }

    const KEYS: [&str; 12] =
        ["", "a", "a/1", "a/2", "a/b/3", "a0", "b/", "b/\u{10FFFF}", "b/\u{10FFFF}\u{10FFFF}x", "b0", "c/1", "c/2"];

    /// All pages of so many entries, a line each; reads come in small pieces, as pages of a megabyte may.
    fn check(prefix: &str, delimiter: Option<&str>, max: usize, expected: Expect) {
        let delimiter = delimiter.map(str::to_owned);
        let mut listed = Listed { prefix: prefix.to_owned(), delimiter, from: From::Start, max };
        let mut pages = String::new();
        loop {
            let read = |from: &From, count: usize| {
                let bound = from.bound().unwrap_or_default();
                let behind = KEYS.iter().filter(|key| key.starts_with(prefix) && ***key > *bound);
                let found: Vec<&str> = behind.copied().take(count.min(2)).collect();
                let more = found.len() == 2;
                Ok((found, more))
            };
            let page = listed.page(read).expect("reads");
            let entry = |entry: &Entry<&str>| match entry {
                Entry::One(key) => (*key).to_owned(),
                Entry::Group(group) => format!("[{group}]"),
            };
            let line = page.entries.iter().map(entry).collect::<Vec<_>>().join(" ");
            pages += &format!("{}|\n", line.escape_debug());
            match page.next {
                Some(next) => listed.from = next,
                None => break,
            }
        }
        expected.assert_eq(&pages);
    }

    #[test]
    fn pages_hold_keys_and_groups_in_order_and_each_of_them_once() {
        check(
            "",
            None,
            5,
            expect![[r#"
                a a/1 a/2 a/b/3 a0|
                b/ b/\u{10ffff} b/\u{10ffff}\u{10ffff}x b0 c/1|
                c/2|
            "#]],
        );
        check(
            "",
            Some("/"),
            2,
            expect![[r#"
                a [a/]|
                a0 [b/]|
                b0 [c/]|
            "#]],
        );
        check(
            "a",
            Some("/"),
            1,
            expect![[r#"
                a|
                [a/]|
                a0|
            "#]],
        );
        check(
            "a/",
            Some("/"),
            10,
            expect![[r#"
                a/1 a/2 [a/b/]|
            "#]],
        );
        check(
            "b/",
            None,
            1,
            expect![[r#"
                b/|
                b/\u{10ffff}|
                b/\u{10ffff}\u{10ffff}x|
            "#]],
        );
        check(
            "",
            Some("0"),
            10,
            expect![[r#"
                a a/1 a/2 a/b/3 [a0] b/ b/\u{10ffff} b/\u{10ffff}\u{10ffff}x [b0] c/1|
                c/2|
            "#]],
        );
        check(
            "x",
            Some("/"),
            10,
            expect![[r#"
                |
            "#]],
        );
        check(
            "",
            None,
            0,
            expect![[r#"
                |
            "#]],
        );
    }
}
