//! Figures: medians and worst cases of interleaved rounds, as ratios to the first.

use std::time::{Duration, Instant};

pub fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

/// One row of the table: a name and what each of its runs took.
pub struct Series {
    pub name: String,
    pub times: Vec<Duration>,
}

impl Series {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            times: Vec::new(),
        }
    }

    pub fn at(&self, share: f64) -> Duration {
        let mut sorted = self.times.clone();
        sorted.sort();
        let last = sorted.len().saturating_sub(1);
        sorted[((last as f64) * share).round() as usize]
    }
}

/// Prints all series; every figure beside its ratio to that of the first.
pub fn table(title: &str, series: &[Series]) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "\n{title}   (load {})",
        load.split(' ').next().unwrap_or_default()
    );
    println!(
        "{:<28} {:>10} {:>7} {:>10} {:>7} {:>10} {:>7}",
        "", "median", "ratio", "p99", "ratio", "best", "ratio"
    );
    for one in series {
        let mut line = format!("{:<28}", one.name);
        for share in [0.5, 0.99, 0.0] {
            let (mine, first) = (one.at(share), series[0].at(share));
            let ratio = mine.as_secs_f64() / first.as_secs_f64();
            line += &format!(" {:>10} {ratio:>7.2}", shown(mine));
        }
        println!("{line}");
    }
}

pub fn shown(time: Duration) -> String {
    match time.as_micros() {
        micros if micros < 10_000 => format!("{micros} us"),
        micros => format!("{:.1} ms", micros as f64 / 1000.0),
    }
}
