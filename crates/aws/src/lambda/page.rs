//! Pages of lists: `MaxItems` and `Marker`.

use crate::{
    checks::Checks,
    protocol::{Code, Fault},
    uri,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where a page begins and how long it may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    items_max: usize,
    /// After the item of this name.
    after: Option<String>,
}

impl Page {
    /// What the query asks for; so many items unless it says otherwise, and never more.
    pub fn of(query: &str, most: usize) -> Result<Page, Fault> {
        let (mut items_max, mut after) = (None, None);
        for (name, value) in uri::parameters(query) {
            match &*name {
                "MaxItems" => items_max = Some(number(&value)?),
                "Marker" if !value.is_empty() => after = Some(read(&value)?),
                _ => {}
            }
        }
        let mut checks = Checks::default();
        checks.at_least("maxItems", items_max, 1);
        checks.at_most("maxItems", items_max, 10_000);
        checks.finish()?;
        let items_max = items_max.and_then(|items| usize::try_from(items).ok()).unwrap_or(most).min(most);
        Ok(Page { items_max, after })
    }

    /// The page of items that are sorted by name, and the next one's marker.
    pub fn take<T>(&self, items: Vec<T>, name: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
        let is_next = |item: &T| self.after.as_deref().is_none_or(|after| name(item) > after);
        let mut items: Vec<T> = items.into_iter().filter(is_next).take(self.items_max + 1).collect();
        let more = items.len() > self.items_max;
        items.truncate(self.items_max);
        let marker = items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(name(last)));
        (items, marker)
    }
}

fn number(text: &str) -> Result<i64, Fault> {
    text.parse().map_err(|_| Fault::new(Code::Serialization, "STRING_VALUE can not be converted to an Integer"))
}

fn read(marker: &str) -> Result<String, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| super::fault::invalid("Invalid marker"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_without_gap_or_overlap() {
        let items = || vec!["a", "b", "ß", "c"];
        let first = Page::of("MaxItems=2", 50).expect("a page");
        let mut sorted = items();
        sorted.sort_unstable();
        let (page, marker) = first.take(sorted.clone(), |item| item);
        assert_eq!(page, ["a", "b"]);
        let query = format!("Marker={}&MaxItems=2", marker.expect("there is more"));
        let (page, marker) = Page::of(&query, 50).expect("a page").take(sorted.clone(), |item| item);
        assert_eq!((page, marker), (vec!["c", "ß"], None));
        let (page, marker) = Page::of("", 3).expect("a page").take(sorted, |item| item);
        assert_eq!((page.len(), marker.is_some()), (3, true));
        for wrong in ["MaxItems=0", "MaxItems=10001", "MaxItems=x", "Marker=%20", "Marker=_w"] {
            assert!(Page::of(wrong, 50).is_err(), "{wrong}");
        }
    }
}
