//! What people write about dependencies, and what it means.

use super::*;
use proptest::prelude::*;

fn ids(list: &str) -> Vec<WpId> {
    list.split_whitespace()
        .map(|id| id.parse().unwrap())
        .collect()
}

/// The dependencies of WP06 in a plan of seven; `None` when nothing is said.
fn of_wp06(section: &str) -> Option<Vec<WpId>> {
    let all = ids("WP01 WP02 WP03 WP04 WP05 WP06 WP07");
    let tasks = format!(
        "## Work Package WP05: E\n- None\n\n## Work Package WP06: F (Priority: P1)\n{section}\n\n## Summary\nDepends on WP07\n"
    );
    let found = dependencies(&tasks, &all).remove(&all[5]).unwrap();
    found.is_explicit.then_some(found.ids)
}

#[test]
fn every_form_that_people_write_is_read() {
    for (section, expected) in [
        (
            "### Dependencies\n- Depends on WP01 (x), WP02 (y), WP04 (z)",
            "WP01 WP02 WP04",
        ),
        (
            "### Dependencies\n- Depends on WP01 (Event Factory must exist)",
            "WP01",
        ),
        ("### Dependencies\n\n- WP01\n- WP03: why\n", "WP01 WP03"),
        (
            "**Dependencies**: WP01-WP05 (all features complete)",
            "WP01 WP02 WP03 WP04 WP05",
        ),
        ("**Dependencies:** WP01–03", "WP01 WP02 WP03"),
        (
            "Dependencies: WP01 through WP03, and WP05",
            "WP01 WP02 WP03 WP05",
        ),
        ("Dependencies:\n- WP02\n- WP04", "WP02 WP04"),
        ("- **Dependencies**: WP01 & WP02", "WP01 WP02"),
        (
            "### Dependencies\n- Depends on all previous WPs (final polish)",
            "WP01 WP02 WP03 WP04 WP05",
        ),
        (
            "**Dependencies**: all previous work packages",
            "WP01 WP02 WP03 WP04 WP05",
        ),
        ("**Dependencies**: (WP01, WP02)", "WP01 WP02"),
        (
            "**Dependencies**: [WP01](tasks/WP01-x.md), `WP02`",
            "WP01 WP02",
        ),
        (
            "**Parallel**: NO - Depends on WP01 template relocation",
            "WP01",
        ),
        ("### Dependencies\n- Requires the parser of WP03", "WP03"),
        ("### Dependencies\n- Blocked by WP02 and WP03.", "WP02 WP03"),
        (
            "### Dependencies\n- WP01 and WP02 must be merged",
            "WP01 WP02",
        ),
        ("**Dependencies**: None (can start immediately)", ""),
        (
            "**Dependencies**: None (migrations are independent of WP01)",
            "",
        ),
        ("### Dependencies\n- None", ""),
        (
            "### Dependencies\n- No dependencies; WP07 builds on this",
            "",
        ),
    ] {
        assert_eq!(of_wp06(section), Some(ids(expected)), "{section}");
    }
}

#[test]
fn what_says_nothing_about_this_work_package_is_nothing() {
    for section in [
        "",
        "### Risks\n- WP07 depends on WP06",
        "- T019 depends on all of the above",
        "- T026-T027 can proceed together; T028-T030 depend on them",
        "- Review cycle depends on agent behavior",
        "- Does not depend on WP03",
        "```\nDepends on WP01\n```",
        "### Risks\n- Circular dependency should fail",
        "**Prompt**: `tasks/WP06-final.md`",
    ] {
        assert_eq!(of_wp06(section), None, "{section}");
    }
}

#[test]
fn a_sub_section_ends_where_the_next_begins() {
    let section =
        "### Dependencies\n- Depends on WP01\n\n### Risks\n- WP03 may be late\n- WP04 too";
    assert_eq!(of_wp06(section), Some(ids("WP01")));
    let fields = "**Dependencies**:\n- WP02\n**Parallel**: with WP03\n- WP04 in spirit";
    assert_eq!(of_wp06(fields), Some(ids("WP02")));
}

#[test]
fn headings_of_every_level_open_a_section() {
    for title in [
        "## Work Package WP06: F",
        "### WP06: F",
        "#### WP06 - F",
        "## WP06",
    ] {
        let tasks = format!("{title}\n**Dependencies**: WP01\n");
        let found = dependencies(&tasks, &ids("WP01 WP06"));
        assert_eq!(found[&ids("WP06")[0]].ids, ids("WP01"), "{title}");
    }
}

proptest! {
    /// Lists of ids, written in any of the ways that people use, are read back.
    #[test]
    fn a_list_reads_back_however_it_is_written(
        wanted in prop::collection::btree_set(1_u8..=5, 1..5),
        opener in prop::sample::select(vec![
            "### Dependencies\n- Depends on ", "### Dependencies\n\n- ", "**Dependencies**: ",
            "Dependencies: ", "**Dependencies:** ", "- Depends on ", "### dependencies\n* Requires ",
        ]),
        comma in prop::sample::select(vec![", ", " and ", ", and ", " & ", "/", " (why), "]),
        bold in any::<bool>(),
        end in prop::sample::select(vec!["", ".", " (see WP07)", " - first", ": then"]),
    ) {
        let names: Vec<String> = wanted.iter().map(|n| match bold {
            true => format!("**WP{n:02}**"),
            false => format!("WP{n:02}"),
        }).collect();
        let section = format!("{opener}{}{end}", names.join(comma));
        let expected: Vec<WpId> = wanted.iter().map(|n| format!("WP{n:02}").parse().unwrap()).collect();
        prop_assert_eq!(of_wp06(&section), Some(expected), "{}", section);
    }

    #[test]
    fn a_range_holds_what_is_between(
        first in 1_u8..=5, last in 1_u8..=5,
        dash in prop::sample::select(vec!["-WP", "–WP", " - WP", " through WP", " to WP", "..WP", "-", "–"]),
    ) {
        let (first, last) = (first.min(last), first.max(last));
        let section = format!("**Dependencies**: WP{first:02}{dash}{last:02} (all)");
        let expected: Vec<WpId> = (first..=last).map(|n| format!("WP{n:02}").parse().unwrap()).collect();
        prop_assert_eq!(of_wp06(&section), Some(expected), "{}", section);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(## WP0[1-9]|### Dependencies|Depend(s|encies)( on|:)|WP0[1-9]|all previous|[-–(),*`\\[\\]é:. \n]){0,40}") {
        let all = ids("WP01 WP02 WP03");
        for stated in dependencies(&text, &all).values() {
            prop_assert!(stated.ids.is_sorted());
        }
    }
}

#[test]
fn all_previous_means_all_that_come_before() {
    let all = ["WP01", "WP02", "WP03"].map(|id| id.parse().unwrap());
    let tasks = "## WP03: Polish\n### Dependencies\n- Depends on all previous WPs (polish)\n";
    let found = dependencies(tasks, &all);
    assert_eq!(found[&all[2]].ids, all[..2]);
}
