//! Files that were cut, or of which a bit fell over: nothing of them is ever taken for what it is not.

use super::{Place, gzip, lines};
use crate::{Error, Input, sample::Sample};

/// A small export as a gzip file of two members and padding, as tape archives leave it.
fn file() -> Vec<u8> {
    let text = b"PK,name\n1,Ana\n2,\"two\nlines\"\n3,Chlo\xC3\xA9\n4,Dmitri\n";
    [gzip(&text[..20]), gzip(&text[20..]), vec![0; 7]].concat()
}

#[test]
fn members_follow_each_other_and_zeros_may_follow_them() {
    let place = Place::new();
    let one = place.export("one", &["PK,name\n1,Ana\n2,\"two\nlines\"\n3,Chloé\n4,Dmitri\n"]);
    let two = Input { files: vec![place.raw("two.gz", &file())] };
    let delta = place.full(&place.config(), Some(&one), &two, "full").unwrap();
    assert_eq!(delta.statistics.unchanged, 4);
    assert_eq!(lines(&delta.operations), "");
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let place = Place::new();
    let whole = file();
    let members = whole.len() - 7;
    let first = gzip(&b"PK,name\n1,Ana\n2,\"two\nlines\"\n"[..20]).len();
    for length in 0..members {
        let cut = Input { files: vec![place.raw("cut.gz", &whole[..length])] };
        let result = place.full(&place.config(), None, &cut, "cut");
        // Cut between two members, only the text tells: there, it ends inside quotes.
        let expected = if length == first { "a quote is not closed" } else { "" };
        match result {
            Err(Error::Export(fault)) => assert!(fault.problem.contains(expected), "{length}: {fault}"),
            other => panic!("{length}: {other:?}"),
        }
    }
    assert!(place.left_behind().is_empty());
}

#[test]
fn a_file_with_a_bit_that_fell_over_is_refused_or_says_the_same() {
    let place = Place::new();
    let whole = file();
    let good = Input { files: vec![place.raw("good.gz", &whole)] };
    let expected = lines(&place.full(&place.config(), None, &good, "good").unwrap().operations);
    let mut refused = 0;
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let damaged = Input { files: vec![place.raw("damaged.gz", &bytes)] };
        match place.full(&place.config(), None, &damaged, "damaged") {
            Err(Error::Export(_)) => refused += 1,
            // Times, systems and names in a gzip header say nothing about the text.
            Ok(delta) => assert_eq!(lines(&delta.operations), expected, "bit {bit}"),
            Err(other) => panic!("bit {bit}: {other:?}"),
        }
    }
    assert!(refused > whole.len() * 6, "{refused} of {} bits", whole.len() * 8);
}

#[test]
fn a_checksum_that_does_not_match_stops_a_delta_that_was_almost_done() {
    let place = Place::new();
    let mut bytes = Vec::new();
    Sample::new(5000, 1).write_gz(2, &mut bytes).unwrap();
    let end = bytes.len();
    bytes[end - 8] ^= 1;
    let previous = place.export("previous", &["PK,name\n1,Ana\n"]);
    let damaged = Input { files: vec![place.raw("damaged.gz", &bytes)] };
    let config = crate::Config { added: crate::Policy::Accept, dropped: crate::Policy::Accept, ..place.config() };
    let error = place.full(&config, Some(&previous), &damaged, "full").unwrap_err();
    assert!(error.to_string().contains("the gzip stream is damaged"), "{error}");
    assert!(place.left_behind().is_empty());
}
