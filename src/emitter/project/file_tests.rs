//! What a project file says, in every spelling and with every mistake.

use super::*;
use proptest::prelude::*;

const UUID: &str = "3a3819b1-a27d-4152-a493-ad2ef5a006cd";

fn section(text: &str) -> Result<Section, FileFault> {
    parse(text).section
}

#[test]
fn the_originals_file_is_read() {
    let text = format!(
        "vcs:\n  type: git\nproject:\n  uuid: {}\n  slug: widgets\n  node_id: b805cd5cee74\n  \
         repo_slug: acme/widgets\n",
        UUID.to_uppercase()
    );
    let section = section(&text).unwrap();
    assert_eq!(section.uuid.unwrap().to_string(), UUID);
    assert_eq!(section.slug.as_deref(), Some("widgets"));
    assert_eq!(section.node_id.as_deref(), Some("b805cd5cee74"));
    assert_eq!(section.repo_slug.as_deref(), Some("acme/widgets"));
}

#[test]
fn what_is_missing_or_empty_is_none_and_no_fault() {
    for text in [
        "",
        "\u{feff}",
        "# only a comment\n",
        "---\n",
        "vcs:\n  type: git\n",
        "project:\n",
        "project: ~\n",
        "project: {}\n",
        "project:\n  uuid:\n  slug: null\n",
    ] {
        assert_eq!(section(text), Ok(Section::default()), "{text:?}");
    }
}

#[test]
fn what_cannot_be_understood_is_named() {
    use FileFault::*;
    let long = format!("project: {{slug: {}}}", "x".repeat(MAX_VALUE_BYTES + 1));
    for (text, fault) in [
        ("project: [unclosed\n", Malformed),
        ("other: [unclosed\nproject:\n  uuid: x\n", Malformed),
        ("- a\n- b\n", Malformed),
        ("just text\n", Malformed),
        ("a: 1\n---\nb: 2\n", Malformed),
        ("project:\n  uuid: x\0\n", Malformed),
        ("project: text\n", Unusable("project")),
        ("project: [1]\n", Unusable("project")),
        ("project: *p\n", Unusable("project")),
        ("project:\n  uuid: not-a-uuid\n", Unusable("uuid")),
        ("project:\n  uuid: 42\n", Unusable("uuid")),
        (
            "project: {uuid: 00000000-0000-0000-0000-000000000000}\n",
            Unusable("uuid"),
        ),
        ("project:\n  slug: \"\"\n", Unusable("slug")),
        ("project:\n  slug: [a]\n", Unusable("slug")),
        ("project:\n  slug: \"a\\u001b[31m\"\n", Unusable("slug")),
        (&long, Unusable("slug")),
        ("project: {}\nproject: {}\n", Ambiguous("project")),
        ("project: {slug: a, slug: b}\n", Ambiguous("slug")),
        ("x: &x {}\n<<: *x\n", Ambiguous("project")),
    ] {
        assert_eq!(section(text), Err(fault), "{text:?}");
    }
}

#[test]
fn only_a_clear_yes_or_silence_lets_events_out() {
    for (sync, expected) in [
        ("", false),
        ("sync:\n", false),
        ("sync: {}\n", false),
        ("sync:\n  auto_start: false\n", false),
        ("sync:\n  enabled:\n", false),
        ("sync: {enabled: true}\n", false),
        ("sync: {enabled: Yes}\n", false),
        ("sync:\n  enabled: false\n", true),
        ("sync: {enabled: False}\n", true),
        ("sync: {enabled: no}\n", true),
        ("sync: {enabled: \"false\"}\n", true),
        ("sync: {enabled: flase}\n", true),
        ("sync: {enabled: [true]}\n", true),
        ("sync: false\n", true),
        ("sync: [enabled]\n", true),
        ("sync: *elsewhere\n", true),
        ("sync: {enabled: true, enabled: false}\n", true),
        ("sync:\n  <<: *defaults\n", true),
    ] {
        assert_eq!(parse(sync).wishes.opted_out, expected, "{sync:?}");
    }
}

#[test]
fn only_a_word_about_starting_keeps_the_background_from_it() {
    for (sync, expected) in [
        ("", false),
        ("sync:\n", false),
        ("sync: {enabled: true}\n", false),
        ("sync: {auto_start: true}\n", false),
        ("sync: {auto_start: null}\n", false),
        ("sync:\n  auto_start: false\n", true),
        ("sync: {auto_start: flase}\n", true),
        ("sync: {auto_start: true, auto_start: false}\n", true),
    ] {
        assert_eq!(parse(sync).wishes.no_auto_start, expected, "{sync:?}");
    }
}

#[test]
fn opting_out_does_not_depend_on_the_rest_of_the_file() {
    let file = parse("project: {uuid: nonsense}\nsync: {enabled: false}\n");
    assert!(file.wishes.opted_out);
    assert!(file.section.is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(text in "[a-z:{}\\[\\]&*#'\"|>%?!~<, \n\t-]{0,80}") {
        let _ = parse(&text);
        let _ = parse(&format!("project:\n  {text}\nsync: {text}"));
    }
}
