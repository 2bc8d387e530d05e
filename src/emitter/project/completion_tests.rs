//! Completing a project file inserts what is missing and touches nothing else.

use super::super::file::parse;
use super::*;
use proptest::prelude::*;

const UUID: &str = "3a3819b1-a27d-4152-a493-ad2ef5a006cd";

fn values() -> Values {
    Values {
        uuid: UUID.parse().unwrap(),
        slug: "widgets".to_owned(),
        node_id: "b805cd5cee74".to_owned(),
    }
}

fn completed(text: &str) -> Result<String, FileFault> {
    complete(text, &values())
}

const SECTION: &str = "project:\n  uuid: 3a3819b1-a27d-4152-a493-ad2ef5a006cd\n  slug: widgets\n  node_id: b805cd5cee74\n";

#[test]
fn a_new_section_goes_to_the_end() {
    assert_eq!(completed("").unwrap(), SECTION);
    for before in [
        "vcs:\n  type: git\nagents:\n  available:\n  - claude\n  selection:\n    preferred_reviewer:\n",
        "# a comment\n\n\n",
        "a: |\n  text\n\n  more\n\n# the end\n",
        "a: &x {b: [1, '2', \"3\"]}\nc: *x\n",
        "---\na: 1\n",
        "\u{feff}a: 1\n",
    ] {
        assert_eq!(completed(before).unwrap(), format!("{before}{SECTION}"));
    }
    assert_eq!(completed("a: 1").unwrap(), format!("a: 1\n{SECTION}"));
    let windows = completed("a: 1\r\n").unwrap();
    assert_eq!(
        windows,
        format!("a: 1\r\n{}", SECTION.replace('\n', "\r\n"))
    );
}

#[test]
fn missing_keys_join_the_section_in_its_own_style() {
    for (before, after) in [
        (
            "project:\n    slug: mine # keep\n\n# about sync\nsync: {}\n",
            "project:\n    slug: mine # keep\n    uuid: 3a3819b1-a27d-4152-a493-ad2ef5a006cd\n    \
             node_id: b805cd5cee74\n\n# about sync\nsync: {}\n",
        ),
        (
            "project: # here\na: 1\n",
            "project: # here\n  uuid: 3a3819b1-a27d-4152-a493-ad2ef5a006cd\n  slug: widgets\n  \
             node_id: b805cd5cee74\na: 1\n",
        ),
        (
            "project:\n  uuid:\n  slug: # none yet\n  node_id: n-1\n  extra: [1]",
            "project:\n  uuid: 3a3819b1-a27d-4152-a493-ad2ef5a006cd\n  slug: widgets # none yet\n  \
             node_id: n-1\n  extra: [1]",
        ),
        (
            "project: {slug: mine}\n",
            "project: {uuid: 3a3819b1-a27d-4152-a493-ad2ef5a006cd, node_id: b805cd5cee74, slug: mine}\n",
        ),
        (
            "project: {}\n",
            "project: {uuid: 3a3819b1-a27d-4152-a493-ad2ef5a006cd, slug: widgets, node_id: b805cd5cee74}\n",
        ),
        (
            "project:\r\n  slug: mine\r\nz: 1\r\n",
            "project:\r\n  slug: mine\r\n  uuid: 3a3819b1-a27d-4152-a493-ad2ef5a006cd\r\n  \
             node_id: b805cd5cee74\r\nz: 1\r\n",
        ),
    ] {
        assert_eq!(completed(before).as_deref(), Ok(after));
    }
}

#[test]
fn what_has_no_safe_place_is_refused() {
    for text in [
        "{a: 1}\n",
        "a: 1\n...\n",
        "project: ~\n",
        "project:\n  uuid: null\n",
        "a: |\n  no line break at the end",
    ] {
        assert_eq!(completed(text), Err(FileFault::Uncompletable), "{text:?}");
    }
    assert_eq!(completed("a: [\n"), Err(FileFault::Malformed));
    assert_eq!(
        completed("project: {uuid: nonsense}\n"),
        Err(FileFault::Unusable("uuid")),
        "a value of the user's is never replaced"
    );
}

#[test]
fn a_complete_file_stays_as_it_is() {
    assert_eq!(completed(SECTION).as_deref(), Ok(SECTION));
}

#[test]
fn a_name_that_looks_like_something_else_is_quoted() {
    for slug in [
        "123", "true", "1e5", "-x", "it's", "a: b", "über", "", "0x1f", "# no", "a.b",
    ] {
        let wanted = Values {
            slug: slug.to_owned(),
            node_id: "123456789012".to_owned(),
            ..values()
        };
        let Ok(text) = complete("a: 1\n", &wanted) else {
            assert_eq!(slug, "", "only an empty name is refused");
            continue;
        };
        assert!(text.contains("node_id: '123456789012'"), "{text}");
        let section = parse(&text).section.unwrap();
        assert_eq!(section.slug.as_deref(), Some(slug));
        assert_eq!(section.node_id.as_deref(), Some("123456789012"));
    }
}

/// Whether `old` is what remains of `new` when some characters are taken out.
fn is_within(old: &str, new: &str) -> bool {
    let mut rest = new.chars();
    old.chars().all(|wanted| rest.any(|found| found == wanted))
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("project:".to_owned()),
        Just("project: {slug: x}".to_owned()),
        Just("  slug: x".to_owned()),
        Just("  uuid:".to_owned()),
        Just("  node_id: |".to_owned()),
        Just("    text".to_owned()),
        Just("sync: {enabled: false} # no".to_owned()),
        Just("agents:".to_owned()),
        Just("- item".to_owned()),
        Just("  - item: 1".to_owned()),
        Just("# comment".to_owned()),
        Just(String::new()),
        "[ a-c:{}#'-]{0,12}",
    ]
}

proptest! {
    #[test]
    fn completing_only_inserts_and_says_the_values(
        lines in proptest::collection::vec(line(), 0..10),
        newline in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let text = lines.join(newline);
        if let Ok(new) = completed(&text) {
            prop_assert!(is_within(&text, &new), "{text:?} became {new:?}");
            let (before, after) = (parse(&text), parse(&new));
            prop_assert_eq!(before.wishes, after.wishes);
            let section = after.section.unwrap();
            prop_assert!(section.uuid.is_some() && section.slug.is_some());
            prop_assert_eq!(completed(&new), Ok(new.clone()), "once is enough");
        }
    }
}
