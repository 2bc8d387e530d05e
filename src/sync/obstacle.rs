//! What stands between one event and the server: the first closed gate.
//!
//! The same gates in the same order as `status` has them, asked for a single
//! event. Knows no more than this home does, and asks nobody.

use crate::auth::Recipient;
use crate::state::Ledger;
use crate::sync::gate::{Closed, Gate, account_gate};
use crate::sync::route::Route;
use crate::sync::status::last_seen;
use crate::target::TargetId;

/// The first closed gate before an event that goes where `route` says; `None`
/// when it waits for nothing but a pass, and for one that is never sent.
#[must_use]
pub fn first_closed(
    route: &Route,
    recipient: &Recipient,
    sync_off: bool,
    ledger: &Ledger,
) -> Option<Closed> {
    let owner = match route {
        Route::OptedOut | Route::Nameless | Route::Dropped { .. } => return None,
        Route::Unbound => None,
        Route::NoProject { target } | Route::Stream { target, .. } => Some(*target),
    };
    if let Some(closed) = account_gate(recipient, sync_off) {
        return Some(closed);
    }
    let ours = recipient.account()?.target();
    if let Some(closed) = of_owner(owner, ours.id(), ours.without_team().id()) {
        return Some(closed);
    }
    if matches!(route, Route::NoProject { .. }) {
        return Some(closed(
            Gate::Project,
            "it was recorded outside a project, which no server takes",
            "spec-kitty log tail --undelivered",
        ));
    }
    let mut seen = ledger.target(ours.id()).map(last_seen).unwrap_or_default();
    seen.sort_by_key(|closed| closed.gate);
    seen.into_iter().next()
}

/// Whether the event is for whoever is signed in.
fn of_owner(owner: Option<TargetId>, ours: TargetId, teamless: TargetId) -> Option<Closed> {
    let sign_in = "spec-kitty auth login";
    match owner {
        None => Some(closed(
            Gate::SignedIn,
            "it was recorded while nobody was signed in, and belongs to nobody yet",
            sign_in,
        )),
        Some(owner) if owner == ours => None,
        Some(owner) if owner == teamless => Some(closed(
            Gate::Team,
            "it was recorded before the account had a team",
            sign_in,
        )),
        Some(_) => Some(closed(
            Gate::SignedIn,
            "it was recorded for another account",
            "spec-kitty auth login -u THAT-USER",
        )),
    }
}

fn closed(gate: Gate, reason: &str, next: &str) -> Closed {
    Closed {
        gate,
        reason: reason.to_owned(),
        next: next.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::auth::Session;
    use crate::config::Config;
    use crate::state::{Answer, Commit, Project, Trouble};
    use crate::target::Target;

    fn signed_in(team: &str) -> Recipient {
        let text = format!(
            "[tokens]\naccess = \"A\"\nrefresh = \"R\"\n[user]\nusername = \"alice\"\n{team}[server]\nurl = \"https://a.org\"\n"
        );
        let session = Session::parse(&text, Timestamp::now());
        Recipient::resolve(None, &Config::default(), session)
    }

    fn acme() -> Target {
        Target::new("https://a.org", "alice", Some("acme"))
    }

    fn to(target: &Target) -> Route {
        Route::Stream {
            target: target.id(),
            stream: Project::new("p").unwrap(),
        }
    }

    fn gate(route: &Route, recipient: &Recipient, off: bool, ledger: &Ledger) -> Option<Gate> {
        first_closed(route, recipient, off, ledger).map(|closed| closed.gate)
    }

    /// Each line opens the gate that the line before it found closed.
    #[test]
    fn the_gates_are_asked_in_their_order() {
        let (nobody, ready) = (
            Recipient::SignedOut { server: None },
            signed_in("team_slug = \"acme\"\n"),
        );
        let none = Ledger::default();
        let bob = Target::new("https://a.org", "bob", None);
        let homeless = Route::NoProject {
            target: acme().id(),
        };
        for (route, recipient, off, expected) in [
            (Route::Unbound, &nobody, true, Some(Gate::Sync)),
            (Route::Unbound, &nobody, false, Some(Gate::SignedIn)),
            (Route::Unbound, &signed_in(""), false, Some(Gate::Team)),
            (Route::Unbound, &ready, false, Some(Gate::SignedIn)),
            (to(&bob), &ready, false, Some(Gate::SignedIn)),
            (to(&acme().without_team()), &ready, false, Some(Gate::Team)),
            (homeless, &ready, false, Some(Gate::Project)),
            (to(&acme()), &ready, false, None),
            (Route::OptedOut, &nobody, true, None),
            (Route::Nameless, &nobody, true, None),
        ] {
            assert_eq!(gate(&route, recipient, off, &none), expected, "{route:?}");
        }
    }

    #[test]
    fn what_the_last_exchange_ran_into_counts_in_the_same_order() {
        let ready = signed_in("team_slug = \"acme\"\n");
        let far = 4_000_000_000_000;
        for (category, wait, expected) in [
            ("dns", None, Gate::Network),
            ("dns", Some(far), Gate::Wait),
            ("forbidden", Some(far), Gate::Server),
        ] {
            let mut ledger = Ledger::default();
            let mut commit = Commit::new(acme().id(), 1);
            commit.answer(Answer::Answered {
                retry_not_before_ms: wait,
                trouble: Some(Trouble::new(category, "no", None)),
            });
            ledger.apply(&commit).unwrap();
            assert_eq!(gate(&to(&acme()), &ready, false, &ledger), Some(expected));
        }
    }
}
