//! The least of a failure: what can be left out of a run so that it still fails.

use crate::model::{Run, Trim, Violation};
use crate::plant::Bug;

/// Runs that shrinking may cost.
const PATIENCE: usize = 500;
/// The most processes of an epoch.
const PROCESSES: usize = 12;

/// The failure of `seed`, told with as little around it as possible.
pub fn least(seed: u64, bug: Option<Bug>) -> Option<Violation> {
    let kind_of = |trim: &Trim| {
        let failed = Run::trimmed(seed, bug, trim.clone(), false).go().err();
        failed.map(|why| why.what.replace(|c: char| c.is_ascii_digit(), ""))
    };
    let mut trim = Trim::default();
    let kind = kind_of(&trim)?;
    let fails = |trim: &Trim| kind_of(trim).as_ref() == Some(&kind);
    let epochs = Run::new(seed, bug).epochs;
    let mut runs = 0;
    loop {
        let before = trim.clone();
        for candidate in candidates(epochs) {
            let mut smaller = trim.clone();
            if candidate(&mut smaller) && runs < PATIENCE {
                runs += 1;
                if fails(&smaller) {
                    trim = smaller;
                }
            }
        }
        if trim == before || runs >= PATIENCE {
            break;
        }
    }
    Run::trimmed(seed, bug, trim, true).go().err()
}

type Cut = Box<dyn Fn(&mut Trim) -> bool>;

/// What may be left out, the most first.
fn candidates(epochs: u64) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = Vec::new();
    for epoch in 0..epochs {
        cuts.push(Box::new(move |trim| trim.epochs.insert(epoch)));
        cuts.push(Box::new(move |trim| trim.accidents.insert(epoch)));
        cuts.push(Box::new(move |trim| trim.faults.insert(epoch)));
        cuts.push(Box::new(move |trim| trim.power_cuts.insert(epoch)));
        for sooner in [20, 30, 45, 70, 100, 150] {
            cuts.push(Box::new(move |trim| cut_sooner(trim, epoch, sooner)));
        }
    }
    for epoch in 0..epochs {
        for process in 0..PROCESSES {
            cuts.push(Box::new(move |trim| trim.parts.insert((epoch, process))));
            cuts.push(Box::new(move |trim| trim.kills.insert((epoch, process))));
            cuts.push(Box::new(move |trim| trim.calls.insert((epoch, process))));
        }
    }
    cuts
}

fn cut_sooner(trim: &mut Trim, epoch: u64, sooner: u64) -> bool {
    let after = trim.power_after.entry(epoch).or_insert(u64::MAX);
    let is_sooner = sooner < *after;
    *after = sooner.min(*after);
    is_sooner
}
