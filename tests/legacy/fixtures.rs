//! The fixtures that are in the repository are what they are said to be.

use super::support::{Bench, in_order, rows_of, small_fixtures};

#[test]
fn the_first_schemas_come_in_as_they_are() {
    for (name, expected) in [
        ("queue-v1-028-vocabulary", 40),
        ("queue-no-project-uuid", 8),
    ] {
        let bench = Bench::new();
        let path = bench.path("queue.db");
        let fixture = small_fixtures().join(format!("queues/{name}.db"));
        std::fs::write(&path, std::fs::read(fixture).unwrap()).unwrap();
        assert_eq!(bench.import(&path).ok()["imported"], expected);
        assert_eq!(bench.stored(), in_order(rows_of(&path)));
    }
}
