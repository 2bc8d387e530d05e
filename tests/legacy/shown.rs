//! What an import says to a person.

use super::support::{Bench, event, make_queue, row};

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn a_plan_names_the_place_once_and_keeps_to_the_terminal() {
    let bench = Bench::new();
    let home = bench.path("a-directory-whose-name-alone-takes-more-than-half-of-a-line");
    std::fs::create_dir_all(home.join("queues")).unwrap();
    drop(make_queue(&home.join("queue.db"), &[row(1), row(2)]));
    drop(make_queue(
        &home.join("queues/queue-272b48816140535c.db"),
        &[row(3)],
    ));
    std::fs::write(home.join("clock.json"), "{\"value\": 42}").unwrap();
    let asked = home.to_str().unwrap();
    let ran = bench.run(&["log", "import", asked, "--dry-run"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let shown = lines(&ran.stdout);
    assert_eq!(shown[0], format!("In {asked}:"));
    for line in &shown[1..] {
        assert!(line.chars().count() <= 80, "{line:?}");
        assert!(!line.contains(asked), "{line:?}");
    }
    assert!(
        ran.stdout
            .contains("  queue.db                          2 new\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("  clock.json                        clock 42\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("\n3 events to import. The clock goes from "),
        "{}",
        ran.stdout
    );
}

#[test]
fn one_file_is_named_as_it_was_asked_for() {
    let bench = Bench::new();
    let path = bench.path("lines.ndjson");
    std::fs::write(&path, event(1, "7", "{}") + "\nno event\n").unwrap();
    let ran = bench.run(&["log", "import", path.to_str().unwrap()]);
    assert_eq!(ran.code, Some(8));
    assert!(ran.stdout.contains("1 new, 1 refused"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("Imported 1 event; the clock is at "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("lines.ndjson, line 2: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_directory_around_a_home_points_to_the_home() {
    let bench = Bench::new();
    let home = bench.path("user/.spec-kitty");
    std::fs::create_dir_all(&home).unwrap();
    let ran = bench.run(&["log", "import", bench.path("user").to_str().unwrap()]);
    assert_eq!(ran.code, Some(3));
    let meant = format!("did you mean {}?", home.display());
    assert!(ran.stderr.contains(&meant), "{}", ran.stderr);
}
