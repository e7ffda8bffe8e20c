//! "Did you mean": the nearest known word by edit distance. Knows nothing but words.

/// `did you mean KeySchema?`, when one of `known` is near enough to be a slip of the finger.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean {near}?"))
}

/// The nearest of `known`, if it is no more than a third of the word away. The case of letters counts for nothing.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Names are short; whoever writes more than this did not mistype one.
    const LONGEST: usize = 100;
    let lower: Vec<char> = word.to_lowercase().chars().collect();
    if lower.len() > LONGEST {
        return None;
    }
    let allowed = (lower.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .filter(|known| known.len() <= LONGEST)
        .map(|known| (distance(&lower, &known.to_lowercase().chars().collect::<Vec<_>>()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours each cost 1.
pub(crate) fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let differs = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + differs);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["KeySchema", "TableName", "AttributeDefinitions", "Tags"];
        assert_eq!(nearest("KeySchmea", known), Some("KeySchema"));
        assert_eq!(nearest("keySchema", known), Some("KeySchema"));
        assert_eq!(nearest("AttributeDefintions", known), Some("AttributeDefinitions"));
        assert_eq!(nearest("Tag", known), Some("Tags"));
        assert_eq!(nearest("Encryption", known), None);
    }
}
