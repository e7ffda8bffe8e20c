//! A view's own state as bytes: what is kept in the database next to its rows. Versioned; knows no database.
//!
//! ```text
//! "m"          Meta: where the view stands
//! "g" group    Group: one per row (the group as in `Evaluated::group`)
//! "s" misfit   u64: items left out now, by reason
//! "x"          the latest samples of items left out
//! ```
//! Integers are big-endian; byte strings have a u32 length before them.

use crate::sql::Misfit;
use item::{Seq, TableId, WideSum};

pub(super) const META: &[u8] = b"m";
pub(super) const SAMPLES: &[u8] = b"x";
const GROUP_PREFIX: u8 = b'g';
const SKIP_PREFIX: u8 = b's';

const META_VERSION: u8 = 1;
const GROUP_VERSION: u8 = 1;
const SAMPLES_VERSION: u8 = 1;

/// Changes when a plan of the same SQL means something else than before, or its state looks different: then the views
/// are filled again.
const PLAN_VERSION: u32 = 1;

/// What a state was made by; another definition cannot go on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    plan_version: u32,
    /// Of the output table: counts the definitions it had.
    generation: u32,
    source: TableId,
}

impl Definition {
    pub fn new(generation: u32, source: TableId) -> Definition {
        Definition { plan_version: PLAN_VERSION, generation, source }
    }
}

/// Where a view stands; part of every commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub definition: Definition,
    pub stage: Stage,
    /// The commit's cursor, so that rows and cursor can be read together.
    pub upto: Seq,
    /// Groups that have a row.
    pub groups: u64,
    /// Changes and items folded since the definition.
    pub folded: u64,
    /// Commits since the definition.
    pub commits: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Removing what an earlier definition left; state entries before this key are gone.
    Clearing {
        from: Vec<u8>,
    },
    /// Items with an encoded key up to and including `frontier` are counted as of the cursor; `None`: not one yet.
    Backfilling {
        frontier: Option<Vec<u8>>,
        done: u64,
        total: u64,
    },
    Live,
}

/// What a group adds up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    /// Items in it.
    pub count: u64,
    /// Per argument: values that are not NULL, and their sum where it is wanted (zero otherwise).
    pub tallies: Vec<(u64, WideSum)>,
}

/// An item that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub key: String,
    pub misfit: Misfit,
    pub seq: Seq,
}

pub(super) fn group_key(group: &[u8]) -> Vec<u8> {
    [&[GROUP_PREFIX], group].concat()
}

pub(super) fn skip_key(misfit: Misfit) -> Vec<u8> {
    let mut key = vec![SKIP_PREFIX];
    misfit.encode(&mut key);
    key
}

/// The group of a state key, if it is one's.
pub(super) fn group_of(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(&[GROUP_PREFIX])
}

/// The first possible key of the skip counters.
pub(super) fn skips_start() -> [u8; 1] {
    [SKIP_PREFIX]
}

pub(super) fn skip_of(key: &[u8]) -> Option<Misfit> {
    key.strip_prefix(&[SKIP_PREFIX]).and_then(Misfit::decode)
}

pub(super) fn decode_count(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

impl Meta {
    pub fn new(definition: Definition, stage: Stage) -> Meta {
        Meta { definition, stage, upto: Seq::ZERO, groups: 0, folded: 0, commits: 0 }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![META_VERSION];
        let Definition { plan_version, generation, source } = self.definition;
        for number in [plan_version, generation, source.0] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for number in [self.upto.0, self.groups, self.folded, self.commits] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        match &self.stage {
            Stage::Clearing { from } => {
                out.push(1);
                put_bytes(from, &mut out);
            }
            Stage::Backfilling { frontier, done, total } => {
                out.push(2);
                out.push(u8::from(frontier.is_some()));
                put_bytes(frontier.as_deref().unwrap_or_default(), &mut out);
                out.extend_from_slice(&done.to_be_bytes());
                out.extend_from_slice(&total.to_be_bytes());
            }
            Stage::Live => out.push(3),
        }
        out
    }

    /// `None`: not a state this version knows.
    pub fn decode(bytes: &[u8]) -> Option<Meta> {
        let mut read = Read(bytes);
        if read.u8()? != META_VERSION {
            return None;
        }
        let definition =
            Definition { plan_version: read.u32()?, generation: read.u32()?, source: TableId(read.u32()?) };
        let (upto, groups, folded, commits) = (Seq(read.u64()?), read.u64()?, read.u64()?, read.u64()?);
        let stage = match read.u8()? {
            1 => Stage::Clearing { from: read.bytes()?.to_vec() },
            2 => {
                let is_there = read.u8()? == 1;
                let frontier = read.bytes()?.to_vec();
                Stage::Backfilling { frontier: is_there.then_some(frontier), done: read.u64()?, total: read.u64()? }
            }
            3 => Stage::Live,
            _ => return None,
        };
        read.0.is_empty().then_some(Meta { definition, stage, upto, groups, folded, commits })
    }
}

impl Group {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![GROUP_VERSION];
        out.extend_from_slice(&self.count.to_be_bytes());
        for (count, sum) in &self.tallies {
            out.extend_from_slice(&count.to_be_bytes());
            sum.encode(&mut out);
        }
        out
    }

    pub fn decode(bytes: &[u8], arguments: usize) -> Option<Group> {
        let mut read = Read(bytes);
        if read.u8()? != GROUP_VERSION {
            return None;
        }
        let count = read.u64()?;
        let tallies = (0..arguments).map(|_| Some((read.u64()?, read.sum()?))).collect::<Option<_>>()?;
        read.0.is_empty().then_some(Group { count, tallies })
    }
}

impl Sample {
    pub fn encode_all<'a>(samples: impl Iterator<Item = &'a Sample>) -> Vec<u8> {
        let mut out = vec![SAMPLES_VERSION];
        for sample in samples {
            let mut misfit = Vec::new();
            sample.misfit.encode(&mut misfit);
            put_bytes(sample.key.as_bytes(), &mut out);
            put_bytes(&misfit, &mut out);
            out.extend_from_slice(&sample.seq.0.to_be_bytes());
        }
        out
    }

    pub fn decode_all(bytes: &[u8]) -> Option<Vec<Sample>> {
        let mut read = Read(bytes);
        if read.u8()? != SAMPLES_VERSION {
            return None;
        }
        let mut samples = Vec::new();
        while !read.0.is_empty() {
            let key = String::from_utf8(read.bytes()?.to_vec()).ok()?;
            samples.push(Sample { key, misfit: Misfit::decode(read.bytes()?)?, seq: Seq(read.u64()?) });
        }
        Some(samples)
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(bytes.len()).expect("a key or a text of a few kilobytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

struct Read<'a>(&'a [u8]);

impl<'a> Read<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn sum(&mut self) -> Option<WideSum> {
        let (sum, rest) = WideSum::decode(self.0)?;
        self.0 = rest;
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(bytes: &[u8], expect: Expect) {
        expect.assert_eq(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }

    /// These bytes are on disks: a change needs a new version, not a new expectation.
    #[test]
    fn stored_state_is_frozen_and_malformed_state_refused() {
        let definition = Definition { plan_version: 1, generation: 2, source: TableId(3) };
        let backfilling = Stage::Backfilling { frontier: Some(vec![0xab]), done: 7, total: 8 };
        let meta = |stage| Meta { upto: Seq(4), groups: 5, folded: 6, commits: 9, ..Meta::new(definition, stage) };
        let metas = [
            (
                meta(Stage::Clearing { from: vec![0xcd] }),
                expect![
                    "0100000001000000020000000300000000000000040000000000000005000000000000000600000000000000090100000001cd"
                ],
            ),
            (
                meta(backfilling),
                expect![
                    "010000000100000002000000030000000000000004000000000000000500000000000000060000000000000009020100000001ab00000000000000070000000000000008"
                ],
            ),
            (
                meta(Stage::Backfilling { frontier: None, done: 0, total: 0 }),
                expect![
                    "01000000010000000200000003000000000000000400000000000000050000000000000006000000000000000902000000000000000000000000000000000000000000"
                ],
            ),
            (
                meta(Stage::Live),
                expect!["01000000010000000200000003000000000000000400000000000000050000000000000006000000000000000903"],
            ),
        ];
        for (meta, expect) in metas {
            let bytes = meta.encode();
            check(&bytes, expect);
            assert_eq!(Meta::decode(&bytes).as_ref(), Some(&meta));
            assert_eq!(Meta::decode(&bytes[..bytes.len() - 1]), None);
            assert_eq!(Meta::decode(&[&bytes, &[0][..]].concat()), None);
        }
        let mut sum = WideSum::default();
        sum.add(item::Number::from(-12i64));
        let group = Group { count: 3, tallies: vec![(2, sum), (1, WideSum::default())] };
        check(
            &group.encode(),
            expect!["0100000000000000030000000000000002030000000000010c000000000000000102000000000000"],
        );
        assert_eq!(Group::decode(&group.encode(), 2), Some(group.clone()));
        assert_eq!(Group::decode(&group.encode(), 1), None);
        let misfit = Misfit::decode(&[2, 0, 1, 2, 1]).expect("a misfit");
        let samples = [Sample { key: "id=7".to_string(), misfit, seq: Seq(9) }];
        check(&Sample::encode_all(samples.iter()), expect!["010000000469643d370000000502000102010000000000000009"]);
        assert_eq!(Sample::decode_all(&Sample::encode_all(samples.iter())).as_deref(), Some(&samples[..]));
        check(&skip_key(misfit), expect!["730200010201"]);
        assert_eq!(skip_of(&skip_key(misfit)), Some(misfit));
    }
}
