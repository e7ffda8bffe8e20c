//! Parameters: versions, overwriting, paths, pages.

use super::World;
use crate::{Error, ParameterDefinition, ParameterPage, ParameterType, Tier};
use std::collections::BTreeMap;

fn parameter(name: &str, value: &str) -> ParameterDefinition {
    ParameterDefinition::new(name, ParameterType::String, value)
}

fn names(page: &ParameterPage) -> Vec<&str> {
    page.parameters.iter().map(|found| found.definition.name.as_str()).collect()
}

#[test]
fn a_parameter_is_overwritten_on_request_only_and_counts_its_versions() {
    let world = World::new();
    world.live(async |life| {
        let tags = BTreeMap::from([("team".to_owned(), "green".to_owned())]);
        let first = ParameterDefinition { tags: tags.clone(), ..parameter("/votes/limit", "40") };
        let first = life.control.put_parameter(first, false).await.expect("put");
        assert_eq!((first.version, first.modified_ms), (1, super::START));
        let again = life.control.put_parameter(parameter("/votes/limit", "41"), false).await;
        assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
        life.advance(5);
        for version in [2, 3] {
            let put = life.control.put_parameter(parameter("/votes/limit", "41"), true).await.expect("put");
            assert_eq!((put.version, put.definition.tags), (version, tags.clone()));
        }
        life.advance(5);
        life.control.tag_parameter("/votes/limit", BTreeMap::clear).await.expect("it exists");
        let advanced = ParameterDefinition { tier: Tier::Advanced, ..parameter("/large", "x") };
        life.control.put_parameter(advanced, false).await.expect("put");
        let smaller = life.control.put_parameter(parameter("/large", "x"), true).await;
        assert!(smaller.expect_err("it cannot go back").to_string().contains("You can't downgrade"));
    });
    world.live(async |life| {
        let found = life.control.parameter("/votes/limit").expect("it was kept");
        let shown = (found.version, found.modified_ms, found.definition.value.as_str(), found.definition.tags.len());
        assert_eq!(shown, (3, super::START + 5, "41", 0));
        life.control.delete_parameter("/votes/limit").await.expect("it exists");
        let gone = life.control.delete_parameter("/votes/limit").await;
        assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    });
}

#[test]
fn parameters_are_found_below_a_path_page_by_page() {
    let world = World::new();
    world.live(async |life| {
        for name in ["plain", "/a", "/a/b", "/a/b/c", "/a/d", "/ab/c"] {
            life.control.put_parameter(parameter(name, "x"), false).await.expect("put");
        }
        let below = |path: &str, recursive: bool, after: Option<&str>, max: usize| {
            life.control.parameters_by_path(path, recursive, after, max).expect("they read")
        };
        assert_eq!(names(&below("/a", false, None, 10)), ["/a/b", "/a/d"]);
        assert_eq!(names(&below("/a/", true, None, 10)), ["/a/b", "/a/b/c", "/a/d"]);
        assert_eq!(names(&below("/", false, None, 10)), ["/a", "plain"]);
        assert_eq!(names(&below("/", true, None, 10)).len(), 6);
        let page = below("/a", true, None, 2);
        assert_eq!((names(&page), page.next.as_deref()), (vec!["/a/b", "/a/b/c"], Some("/a/b/c")));
        let rest = below("/a", true, page.next.as_deref(), 2);
        assert_eq!((names(&rest), rest.next.as_deref()), (vec!["/a/d"], None));
    });
}
