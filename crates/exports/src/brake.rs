//! The brake: why an execution holds before it publishes. Pure.

use crate::{Brake, Policy, Statistics};

/// What the brake looks at.
pub struct Seen<'s> {
    pub statistics: Statistics,
    pub added: &'s [String],
    pub dropped: &'s [String],
    /// The version that the delta starts from.
    pub previous: Option<&'s str>,
}

/// The reasons to hold; none: go on.
pub fn reasons(brake: &Brake, seen: &Seen<'_>) -> Vec<String> {
    let Some(previous) = seen.previous else { return Vec::new() };
    let mut reasons: Vec<String> = deletes(brake, seen.statistics).into_iter().collect();
    for (what, names, policy) in [("added", seen.added, brake.added), ("dropped", seen.dropped, brake.dropped)] {
        if policy == Policy::Hold && !names.is_empty() {
            reasons.push(format!("columns were {what} since {previous}: {}", names.join(", ")));
        }
    }
    reasons
}

fn deletes(brake: &Brake, statistics: Statistics) -> Option<String> {
    let Statistics { previous_rows, next_rows, deletes, .. } = statistics;
    let share = statistics.deleted_share();
    let is_looked_at = previous_rows >= brake.rows_min || (next_rows == 0 && previous_rows > 0);
    let shown = format!("it deletes {deletes} of {previous_rows} rows ({:.1} %)", share * 100.0);
    (is_looked_at && share > brake.delete_share_max)
        .then(|| format!("{shown}, more than {:.1} %", brake.delete_share_max * 100.0))
}

/// Columns that came and went.
pub fn columns(before: &[String], after: &[String]) -> (Vec<String>, Vec<String>) {
    let missing = |from: &[String], of: &[String]| of.iter().filter(|name| !from.contains(name)).cloned().collect();
    (missing(before, after), missing(after, before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(
        brake: &Brake,
        (previous_rows, next_rows, deletes): (u64, u64, u64),
        columns: [&[&str]; 2],
        expected: Expect,
    ) {
        let statistics = Statistics { previous_rows, next_rows, deletes, ..Statistics::default() };
        let [added, dropped] = columns.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let seen = Seen { statistics, added: &added, dropped: &dropped, previous: Some("V1") };
        expected.assert_eq(&reasons(brake, &seen).join("\n"));
    }

    #[test]
    fn an_export_that_lost_too_much_holds_and_says_why() {
        let usual = Brake::default();
        let none = [&[][..], &[]];
        check(&usual, (1000, 700, 300), none, expect![""]);
        check(&usual, (1000, 699, 301), none, expect!["it deletes 301 of 1000 rows (30.1 %), more than 30.0 %"]);
        check(&usual, (99, 1, 98), none, expect![""]);
        check(&usual, (100, 69, 31), none, expect!["it deletes 31 of 100 rows (31.0 %), more than 30.0 %"]);
        check(&usual, (0, 0, 0), none, expect![""]);
        let none_at_all = Brake { delete_share_max: 0.0, rows_min: 0, ..Brake::default() };
        check(&none_at_all, (0, 5, 0), none, expect![""]);
        check(&none_at_all, (5, 5, 0), none, expect![""]);
        check(&none_at_all, (5, 4, 1), none, expect!["it deletes 1 of 5 rows (20.0 %), more than 0.0 %"]);
        check(&usual, (3, 0, 3), none, expect!["it deletes 3 of 3 rows (100.0 %), more than 30.0 %"]);
        let all = Brake { delete_share_max: 1.0, ..Brake::default() };
        check(&all, (1000, 0, 1000), none, expect![""]);
        let columns = [&["city"][..], &["age", "size"]];
        check(
            &usual,
            (1, 1, 0),
            columns,
            expect![[r#"
            columns were added since V1: city
            columns were dropped since V1: age, size"#]],
        );
        let lax = Brake { added: Policy::Accept, ..Brake::default() };
        check(&lax, (1, 1, 0), columns, expect!["columns were dropped since V1: age, size"]);
    }
}
