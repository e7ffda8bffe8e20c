//! What the integration tests share: the real program as a child process, a project's folder, a plain client of
//! its API, a proxy that loses answers, and one way to wait. Sees the program from outside only: no room of the workspace is used here.

pub mod client;
pub mod exports;
pub mod folder;
pub mod killed;
pub mod program;
pub mod proxy;
pub mod tools;
pub mod votes;
pub mod wait;

/// Whether this is `./test long`.
#[must_use]
pub fn long() -> bool {
    std::env::var_os("STREAMFOLD_LONG").is_some_and(|value| value == "1")
}

/// Files below a folder.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// Dice whose seed is printed, so that a failing run can be repeated with `STREAMFOLD_SEED`.
#[must_use]
pub fn dice() -> fastrand::Rng {
    let seed = std::env::var("STREAMFOLD_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("STREAMFOLD_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}
