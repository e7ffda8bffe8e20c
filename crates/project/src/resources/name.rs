//! Names that resources get when the template leaves them open, as CloudFormation makes them:
//! `<stack>-<logical id>-<12 characters>`, the same on every run. Knows text only.

/// A physical name of at most `most` characters.
pub(crate) fn physical(stack: &str, logical_id: &str, most: usize) -> String {
    let cut = |text: &str| text.chars().take((most - SUFFIX - 3) / 2).collect::<String>();
    format!("{}-{}-{}", cut(stack), cut(logical_id), suffix(&[stack, logical_id]))
}

/// How many characters a suffix has.
const SUFFIX: usize = 12;

/// Twelve characters of `A-Z0-9` that depend on `parts` only. They are part of table names on disk: never change this.
pub(crate) fn suffix(parts: &[&str]) -> String {
    // FNV-1a with 64 bits, each part ended by a byte that no name contains.
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let mut hash =
        bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // FNV's low bits hardly know the first bytes; mix before taking digits.
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^= hash >> 32;
    const DIGITS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    (0..SUFFIX)
        .map(|_| {
            let digit = (hash % 36) as usize;
            hash /= 36;
            DIGITS[digit] as char
        })
        .collect()
}

/// A stack name made of a folder's name: letters, digits and hyphens, a letter first, at most 128.
pub(crate) fn stack(folder: &str) -> String {
    let mut name: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(120).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "stack-");
    }
    name.trim_end_matches('-').to_string()
}

/// Whether SAM makes more than one resource of this type.
pub(crate) fn is_expanded_by_sam(type_name: &str) -> bool {
    type_name.starts_with("AWS::Serverless::") && type_name != "AWS::Serverless::SimpleTable"
}

#[cfg(test)]
mod tests {
    use super::{physical, stack};

    #[test]
    fn names_left_open_stay_the_same_for_ever() {
        assert_eq!(physical("votes", "Votes", 255), "votes-Votes-ZPN8GGAGY8HO");
        assert_ne!(physical("votes", "Votes", 255), physical("vote", "sVotes", 255));
        assert_eq!(physical(&"s".repeat(128), &"V".repeat(255), 64).len(), 62);
        assert_eq!(physical(&"s".repeat(128), &"V".repeat(255), 255).len(), 254);
        assert_eq!(stack("my project_2"), "my-project-2");
        assert_eq!(stack("2024"), "stack-2024");
    }
}
