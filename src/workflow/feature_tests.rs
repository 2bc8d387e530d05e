//! Which feature is chosen, and which names are refused.

use super::*;

struct Place {
    _dir: tempfile::TempDir,
    project: Project,
}

fn place(features: &[(&str, &[&str])]) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(dir.path()).unwrap();
    for (slug, lanes) in features {
        let tasks = root.join("kitty-specs").join(slug).join("tasks");
        fs::create_dir_all(&tasks).unwrap();
        for (index, lane) in lanes.iter().enumerate() {
            let text = format!("---\nlane: {lane}\n---\n");
            fs::write(tasks.join(format!("WP{:02}-x.md", index + 1)), text).unwrap();
        }
    }
    Place {
        _dir: dir,
        project: Project { root },
    }
}

fn detect_in(place: &Place, cwd: &str, hints: Hints<'_>) -> Result<(String, Chosen), String> {
    detect(&place.project, Path::new(cwd), hints)
        .map(|feature| (feature.slug.0, feature.chosen))
        .map_err(|error| error.to_string())
}

#[test]
fn the_first_answer_wins() {
    let place = place(&[
        ("001-a", &["done"]),
        ("002-b", &["done"]),
        ("003-c", &["done"]),
    ]);
    let all = Hints {
        named: Some("001-a"),
        environment: Some("002-b"),
        branch: Some("003-c-WP01"),
    };
    let found = |hints| detect_in(&place, "/x/.worktrees/002-b-WP02/src", hints).unwrap();
    assert_eq!(found(all), ("001-a".into(), Chosen::Named));
    let all = Hints { named: None, ..all };
    assert_eq!(found(all), ("002-b".into(), Chosen::Environment));
    let all = Hints {
        environment: Some(" "),
        ..all
    };
    assert_eq!(found(all), ("003-c".into(), Chosen::Branch));
    let all = Hints {
        branch: Some("main"),
        ..all
    };
    assert_eq!(found(all), ("002-b".into(), Chosen::Directory));
}

#[test]
fn without_a_hint_the_latest_incomplete_feature_is_chosen() {
    let several = place(&[
        ("001-a", &["doing"]),
        ("002-b", &["planned"]),
        ("003-c", &["done"]),
    ]);
    let found = detect_in(&several, "/", Hints::default()).unwrap();
    assert_eq!(found, ("002-b".into(), Chosen::LatestIncomplete));
    let one = place(&[("001-a", &["done"])]);
    assert_eq!(
        detect_in(&one, "/", Hints::default()).unwrap(),
        ("001-a".into(), Chosen::Only)
    );
    let complete = place(&[("001-a", &["done"]), ("002-b", &["done"])]);
    let error = detect_in(&complete, "/", Hints::default()).unwrap_err();
    assert!(error.contains("002-b, 001-a"), "{error}");
    assert!(detect_in(&place(&[]), "/", Hints::default()).is_err());
}

#[test]
fn a_feature_that_is_named_and_missing_is_not_replaced_by_another() {
    let place = place(&[("001-a", &["doing"])]);
    let hints = Hints {
        branch: Some("042-login"),
        ..Hints::default()
    };
    let error = detect_in(&place, "/", hints).unwrap_err();
    assert!(
        error.contains("042-login") && error.contains("001-a"),
        "{error}"
    );
}

#[test]
fn a_name_cannot_leave_the_directory() {
    for name in [
        "../x",
        "028-../../etc",
        "028-a/b",
        "028-a\\b",
        "028-",
        "28-a",
        "0٠8-x",
        "028-a\nb",
        "028-a b",
        "/etc",
        "028_x",
        "028-c:d",
        "",
        "..",
    ] {
        assert!(Slug::parse(name).is_err(), "{name}");
    }
    assert!(Slug::parse(&format!("028-{}", "x".repeat(300))).is_err());
    assert!(Slug::parse(" 028-ok.name_ü ").is_ok());
}

#[cfg(unix)]
#[test]
fn a_directory_that_is_a_link_out_of_the_project_is_refused() {
    let place = place(&[("001-a", &["doing"])]);
    let outside = tempfile::tempdir().unwrap();
    let link = place.project.specs_dir().join("002-b");
    std::os::unix::fs::symlink(outside.path(), link).unwrap();
    let hints = Hints {
        named: Some("002-b"),
        ..Hints::default()
    };
    assert!(
        detect_in(&place, "/", hints)
            .unwrap_err()
            .contains("symbolic link")
    );
}

#[test]
fn only_what_lies_in_the_project_says_something_about_it() {
    let dir = tempfile::tempdir().unwrap();
    let outer = fs::canonicalize(dir.path()).unwrap().join("042-client");
    let root = outer.join("project");
    for slug in ["001-a", "002-b"] {
        fs::create_dir_all(root.join("kitty-specs").join(slug)).unwrap();
    }
    for place in ["docs/003-intro", "apps/001-a", ".worktrees/001-a-WP02/src"] {
        fs::create_dir_all(root.join(place)).unwrap();
    }
    let place = Place {
        _dir: dir,
        project: Project { root: root.clone() },
    };
    let found = |cwd: &str| {
        let cwd = root.join(cwd);
        detect_in(&place, cwd.to_str().unwrap(), Hints::default()).unwrap()
    };
    assert_eq!(found("."), ("002-b".into(), Chosen::LatestIncomplete));
    assert_eq!(found("docs/003-intro").1, Chosen::LatestIncomplete);
    assert_eq!(found("apps/001-a"), ("001-a".into(), Chosen::Directory));
    assert_eq!(
        found(".worktrees/001-a-WP02/src"),
        ("001-a".into(), Chosen::Directory)
    );
}

#[test]
fn a_slug_has_a_number_and_no_path_in_it() {
    assert_eq!(Slug::parse("028-sync").unwrap().number(), "028");
    assert!(Slug::parse("028-../../etc").is_err());
}
