//! Whether a key is in an export twice: reads the export again, looking at suspicious key hashes only. It is rare that there
//! are any, and rarer that they are innocent.

use crate::{Config, Error, Fault, Input, columns::Columns, csv, export, watch::Meter};
use std::collections::{HashMap, HashSet, hash_map::Entry};

/// Fails if a key with one of these hashes is there twice.
pub(crate) fn check(
    input: &Input,
    config: &Config,
    columns: &Columns,
    suspects: &[u64],
    meter: &Meter<'_>,
) -> Result<(), Error> {
    let suspects: HashSet<u64> = suspects.iter().copied().collect();
    let mut found: HashMap<Vec<u8>, (usize, u64)> = HashMap::new();
    export::read(input, config, columns, meter, |batch| {
        for (at, _) in batch.hashes().iter().enumerate().filter(|(_, hashes)| suspects.contains(&hashes.key)) {
            let (key, row) = (batch.keys().get(at), batch.row_in_file + at as u64);
            match found.entry(key.to_vec()) {
                Entry::Vacant(place) => {
                    place.insert((batch.file, row));
                }
                Entry::Occupied(first) => {
                    let (file, first) = *first.get();
                    return Err(twice(input, key, (file, first), (batch.file, row)));
                }
            }
        }
        Ok(())
    })?;
    Ok(())
}

fn twice(input: &Input, key: &[u8], first: (usize, u64), second: (usize, u64)) -> Error {
    let name = |file: usize| input.files[file].name.clone();
    let place = if first.0 == second.0 { String::new() } else { format!("{}, ", name(first.0)) };
    let problem = format!("key {} is there already, in {place}row {}", show_key(key), first.1);
    let remedy = "export every key once, or configure more key columns".to_owned();
    Fault { file: name(second.0), row: Some(second.1), byte: None, problem, remedy }.into()
}

/// A key for people: not too long.
fn show_key(key: &[u8]) -> String {
    const SHOWN: usize = 100;
    let parts: Vec<String> =
        csv::split_normal(key).map(|part| String::from_utf8_lossy(&part).chars().take(SHOWN).collect()).collect();
    parts.join(" / ")
}
