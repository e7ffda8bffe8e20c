//! Which of the operations that a power loss may take are taken, in ways that have broken databases before.

use super::disk::{Change, Disk, Moment};

/// What becomes of operations that are not durable.
#[derive(Clone, Debug)]
pub enum Fate {
    /// All lost.
    Nothing,
    /// All there: a crash of the process only.
    Everything,
    /// Those before one of them, and of that one some sectors: a disk that keeps the order.
    Until(usize),
    /// Those after one of them: a disk that writes the newest first.
    From(usize),
    /// All but one.
    AllBut(usize),
    /// One alone.
    Only(usize),
    /// Each by itself, with this probability.
    Each(f64),
    /// Each sector by itself, with this probability.
    Sectors(f64),
}

/// One image: the fate of bytes and of names.
#[derive(Clone, Debug)]
pub struct Plan {
    pub bytes: Fate,
    pub names: Fate,
    /// Decides the single cases of `Each` and `Sectors`.
    pub seed: u64,
}

impl Plan {
    /// A plan for a moment, by the dice.
    pub fn roll(moment: &Moment<'_>, dice: &mut fastrand::Rng) -> Plan {
        let pending = moment.pending();
        let bytes = Fate::roll(&pending, dice);
        let names = if dice.bool() { bytes.clone() } else { Fate::roll(&pending, dice) };
        Plan { bytes, names, seed: dice.u64(..) }
    }

    /// Whether an operation that may be lost is there, or a sector of it.
    pub fn keeps(&self, disk: &Disk, operation: usize, sector: u64) -> bool {
        let names = matches!(disk.operations[operation].change, Change::Names(_));
        let fate = if names { &self.names } else { &self.bytes };
        match fate {
            Fate::Nothing => false,
            Fate::Everything => true,
            Fate::Until(last) => operation < *last || (operation == *last && self.chance(operation, sector) < 0.5),
            Fate::From(first) => operation >= *first,
            Fate::AllBut(one) => operation != *one,
            Fate::Only(one) => operation == *one,
            Fate::Each(probability) => self.chance(operation, 0) < *probability,
            Fate::Sectors(probability) => self.chance(operation, sector) < *probability,
        }
    }

    /// A number from 0 to 1 that depends on nothing but the seed and the place.
    fn chance(&self, operation: usize, sector: u64) -> f64 {
        let place = self.seed
            ^ (operation as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ sector.wrapping_mul(0xD1B5_4A32_D192_ED03);
        fastrand::Rng::with_seed(place).f64()
    }
}

impl Fate {
    fn roll(pending: &[usize], dice: &mut fastrand::Rng) -> Fate {
        if pending.is_empty() {
            return Fate::Everything;
        }
        // The newest are the most interesting: half of the time one of the last eight.
        let newest = pending.len().saturating_sub(8);
        let one = pending[if dice.bool() { dice.usize(..pending.len()) } else { dice.usize(newest..pending.len()) }];
        match dice.u32(0..16) {
            0..3 => Fate::Nothing,
            3 => Fate::Everything,
            4..6 => Fate::Until(one),
            6..8 => Fate::From(one),
            8..10 => Fate::AllBut(one),
            10..12 => Fate::Only(one),
            12..14 => Fate::Each(*dice.choice(&[0.1, 0.5, 0.9]).expect("there are three")),
            _ => Fate::Sectors(*dice.choice(&[0.1, 0.5, 0.9]).expect("there are three")),
        }
    }
}
