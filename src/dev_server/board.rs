//! Where every work package stands, as the events so far tell it: the content
//! of the snapshot that opens a websocket.
//!
//! The order of events is `(lamport_clock, node_id, event_id)`, so the picture
//! does not depend on the order in which they arrived.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::store::Face;

/// The work packages of all teams.
#[derive(Debug, Default)]
pub(crate) struct Board {
    packages: BTreeMap<Key, Entry>,
    /// The highest clock value per team.
    clocks: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    team: String,
    project: Option<String>,
    feature: Option<String>,
    wp_id: String,
}

#[derive(Debug)]
struct Entry {
    status: String,
    /// Node and event id of the event that said so, after its clock.
    said_at: (u64, String, String),
}

#[derive(Deserialize)]
struct Payload {
    wp_id: String,
    #[serde(default)]
    new_status: Option<String>,
    #[serde(default)]
    feature_slug: Option<String>,
}

/// One line of a snapshot.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Standing<'a> {
    wp_id: &'a str,
    status: &'a str,
    feature_slug: Option<&'a str>,
    project_uuid: Option<&'a str>,
    lamport_clock: u64,
}

impl Board {
    /// Takes an event into account; most types say nothing about a standing.
    pub(crate) fn apply(&mut self, face: &Face<'_>) {
        let clock = self.clocks.entry(face.team_slug.to_string()).or_default();
        *clock = face.lamport_clock.max(*clock);
        let created = face.event_type == "WPCreated";
        if !created && face.event_type != "WPStatusChanged" {
            return;
        }
        let Ok(payload) = serde_json::from_str::<Payload>(face.payload.get()) else {
            return;
        };
        let status = match payload.new_status {
            _ if created => "planned".to_owned(),
            Some(status) => status,
            None => return,
        };
        let key = Key {
            team: face.team_slug.to_string(),
            project: face.project_uuid.as_ref().map(ToString::to_string),
            feature: payload.feature_slug,
            wp_id: payload.wp_id,
        };
        let said_at = (
            face.lamport_clock,
            face.node_id.to_string(),
            face.event_id.to_string(),
        );
        match self.packages.get(&key) {
            Some(entry) if entry.said_at >= said_at => {}
            _ => {
                self.packages.insert(key, Entry { status, said_at });
            }
        }
    }

    /// The standings of one team, in the order of project, feature and package.
    pub(crate) fn of_team<'a>(&'a self, team: &'a str) -> impl Iterator<Item = Standing<'a>> {
        self.packages
            .iter()
            .filter(move |(key, _)| key.team == team)
            .map(|(key, entry)| Standing {
                wp_id: &key.wp_id,
                status: &entry.status,
                feature_slug: key.feature.as_deref(),
                project_uuid: key.project.as_deref(),
                lamport_clock: entry.said_at.0,
            })
    }

    /// The highest clock value that any event of this team carried.
    pub(crate) fn clock_of(&self, team: &str) -> u64 {
        self.clocks.get(team).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(board: &mut Board, id: &str, clock: u64, status: &str) {
        let event = format!(
            r#"{{"event_id":"{id}","event_type":"WPStatusChanged","node_id":"n","team_slug":"acme","lamport_clock":{clock},"payload":{{"wp_id":"WP01","new_status":"{status}"}}}}"#
        );
        board.apply(&serde_json::from_str(&event).unwrap());
    }

    #[test]
    fn the_picture_does_not_depend_on_the_order_of_arrival() {
        let events = [("A", 1, "doing"), ("B", 2, "for_review"), ("C", 2, "done")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
            let mut board = Board::default();
            for at in order {
                let (id, clock, status) = events[at];
                apply(&mut board, id, clock, status);
            }
            let standings: Vec<_> = board.of_team("acme").collect();
            assert_eq!(standings.len(), 1);
            assert_eq!(standings[0].status, "done");
            assert_eq!(board.clock_of("acme"), 2);
            assert_eq!(board.of_team("other").count(), 0);
        }
    }
}
