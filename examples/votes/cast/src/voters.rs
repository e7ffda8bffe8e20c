//! The people who vote: where they live, what they want, and how that changes over time. Knows nothing of HTTP; its
//! only inputs are dice and the time since the start.

use fastrand::Rng;
use std::f64::consts::TAU;

/// Regions and how many of a hundred voters live there.
const REGIONS: [(&str, f64); 5] = [("NORTH", 18.0), ("SOUTH", 31.0), ("EAST", 14.0), ("WEST", 22.0), ("CENTRAL", 15.0)];

/// Improvements, and how each region of [`REGIONS`] feels about them.
const IMPROVEMENTS: [(&str, [f64; 5]); 6] = [
    ("MORE_TREES", [1.0, 2.6, 0.8, 1.4, 2.0]),
    ("BIKE_LANES", [0.8, 1.0, 0.7, 2.2, 2.4]),
    ("BETTER_LIGHTING", [1.8, 0.9, 1.6, 0.7, 0.6]),
    ("NEW_PLAYGROUND", [1.5, 1.4, 0.9, 1.0, 0.4]),
    ("QUIET_STREETS", [0.5, 0.7, 1.0, 0.9, 1.9]),
    ("FASTER_BUSES", [1.3, 0.8, 2.1, 0.8, 1.1]),
];

/// Votes remembered, so that some can be changed or taken back.
const REMEMBERED: usize = 100_000;

/// Seconds between two campaigns, on average, and how long one lasts.
const CAMPAIGN_EVERY: f64 = 40.0;
const CAMPAIGN_LENGTH: f64 = 20.0;

/// One vote as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    pub id: String,
    pub improvement: &'static str,
    pub region: &'static str,
}

/// What to do with a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Cast(Vote),
    /// A voter thinks again: other improvement, now and then after moving house.
    Change(Vote),
    Delete(String),
}

/// A region where one improvement is pushed for a while.
struct Campaign {
    region: usize,
    improvement: usize,
    from: f64,
}

/// All voters.
pub struct Voters {
    dice: Rng,
    /// Makes this run's ids differ from every other run's.
    run: u32,
    cast: u64,
    changes: f64,
    deletes: f64,
    remembered: Vec<Vote>,
    phases: [f64; IMPROVEMENTS.len()],
    campaign: Campaign,
}

impl Voters {
    /// `run` goes into the ids; `changes` and `deletes` are shares of all acts.
    pub fn new(mut dice: Rng, run: u32, changes: f64, deletes: f64) -> Voters {
        let phases = std::array::from_fn(|_| dice.f64() * TAU);
        let campaign = Campaign { region: 1, improvement: 0, from: CAMPAIGN_LENGTH };
        Voters { dice, run, cast: 0, changes, deletes, remembered: Vec::new(), phases, campaign }
    }

    /// What happens next, `now` seconds after the start.
    pub fn next(&mut self, now: f64) -> Act {
        let roll = self.dice.f64();
        if roll < self.deletes
            && let Some(vote) = self.recall()
        {
            return Act::Delete(vote.id);
        }
        if roll < self.deletes + self.changes
            && let Some(vote) = self.recall()
        {
            return Act::Change(self.think_again(vote, now));
        }
        self.cast += 1;
        let id = format!("{:08x}-{}", self.run, self.cast);
        let region = pick(&mut self.dice, REGIONS.iter().map(|(_, weight)| *weight));
        let vote = Vote { id, region: REGIONS[region].0, improvement: self.wish(region, now) };
        self.remember(vote.clone());
        Act::Cast(vote)
    }

    fn think_again(&mut self, vote: Vote, now: f64) -> Vote {
        let moved = self.dice.f64() < 0.2;
        let lived = REGIONS.iter().position(|(name, _)| *name == vote.region).expect("votes name known regions");
        let region = if moved { self.dice.usize(0..REGIONS.len()) } else { lived };
        let vote = Vote { region: REGIONS[region].0, improvement: self.wish(region, now), id: vote.id };
        self.remember(vote.clone());
        vote
    }

    /// What somebody in `region` wants at this time.
    fn wish(&mut self, region: usize, now: f64) -> &'static str {
        self.schedule_campaign(now);
        let campaign = &self.campaign;
        let running = now >= campaign.from && campaign.region == region;
        let phases = self.phases;
        let weights = IMPROVEMENTS.iter().enumerate().map(|(index, (_, liking))| {
            // Each improvement has its own slow wave of two to four minutes.
            let wave = 1.0 + 0.6 * (phases[index] + now * TAU / (120.0 + 24.0 * index as f64)).sin();
            let push = if running && campaign.improvement == index { 6.0 } else { 1.0 };
            liking[region] * wave * push
        });
        IMPROVEMENTS[pick(&mut self.dice, weights)].0
    }

    fn schedule_campaign(&mut self, now: f64) {
        if now < self.campaign.from + CAMPAIGN_LENGTH {
            return;
        }
        self.campaign = Campaign {
            region: self.dice.usize(0..REGIONS.len()),
            improvement: self.dice.usize(0..IMPROVEMENTS.len()),
            from: now + self.dice.f64() * 2.0 * (CAMPAIGN_EVERY - CAMPAIGN_LENGTH),
        };
    }

    fn remember(&mut self, vote: Vote) {
        if self.remembered.len() < REMEMBERED {
            self.remembered.push(vote);
        } else {
            let at = self.dice.usize(0..REMEMBERED);
            self.remembered[at] = vote;
        }
    }

    /// A vote cast earlier, forgotten here until it stands again.
    fn recall(&mut self) -> Option<Vote> {
        let count = self.remembered.len();
        (count > 0).then(|| self.remembered.swap_remove(self.dice.usize(0..count)))
    }
}

/// Index of one of the weights, each as likely as it is heavy.
fn pick(dice: &mut Rng, weights: impl Iterator<Item = f64> + Clone) -> usize {
    let mut left = dice.f64() * weights.clone().sum::<f64>();
    let mut last = 0;
    for (index, weight) in weights.enumerate() {
        last = index;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    fn acts(seed: u64, count: usize) -> Vec<Act> {
        let mut voters = Voters::new(Rng::with_seed(seed), 7, 0.02, 0.01);
        (0..count).map(|index| voters.next(index as f64 / 200.0)).collect()
    }

    #[test]
    fn the_same_seed_casts_the_same_votes() {
        assert_eq!(acts(1, 5_000), acts(1, 5_000));
        assert_ne!(acts(1, 5_000), acts(2, 5_000));
    }

    #[test]
    fn ids_are_unique_and_only_standing_votes_are_changed_or_deleted() {
        let mut standing = HashSet::new();
        for act in acts(3, 50_000) {
            match act {
                Act::Cast(vote) => assert!(standing.insert(vote.id)),
                Act::Change(vote) => assert!(standing.contains(&vote.id)),
                Act::Delete(id) => assert!(standing.remove(&id)),
            }
        }
        assert!(standing.len() > 40_000);
    }

    #[test]
    fn regions_differ_in_size_and_in_what_they_want() {
        let mut counts: HashMap<(&str, &str), f64> = HashMap::new();
        let mut regions: HashMap<&str, f64> = HashMap::new();
        for act in acts(4, 100_000) {
            if let Act::Cast(vote) = act {
                *counts.entry((vote.region, vote.improvement)).or_default() += 1.0;
                *regions.entry(vote.region).or_default() += 1.0;
            }
        }
        assert!(regions["SOUTH"] > 1.5 * regions["EAST"]);
        let share = |region, improvement| counts[&(region, improvement)] / regions[region];
        assert!(share("SOUTH", "MORE_TREES") > 1.5 * share("EAST", "MORE_TREES"));
        assert!(share("EAST", "FASTER_BUSES") > 1.5 * share("SOUTH", "FASTER_BUSES"));
    }
}
