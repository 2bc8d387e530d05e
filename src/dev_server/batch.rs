//! Judging events: which are stored, which were known, which are refused.
//!
//! One function for the batch route and the websocket, so that both refuse the
//! same things. Each event is judged alone (one bad event does not take its
//! neighbours with it); the whole batch is refused only where no answer per
//! event is possible (an event without a readable id) or allowed (an event of
//! another team). Nothing is stored of a batch that is refused as a whole.

use std::collections::HashMap;
use std::io;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::http::Response;
use super::store::{Face, Known, Store, compare};

/// The longest piece of a client's text that an error message repeats.
const MAX_ECHO: usize = 80;

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stored,
    Duplicate,
    Rejected(Refusal),
}

/// Why an event is refused. None of these is cured by sending it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) category: &'static str,
    pub(crate) message: String,
}

/// The verdicts of one request, in its order, with the events that are new.
#[derive(Debug)]
pub(crate) struct Judgement<'a> {
    pub(crate) verdicts: Vec<(String, Verdict)>,
    /// The JSON of what was stored, in order.
    pub(crate) stored: Vec<&'a str>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    events: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Id {
    event_id: String,
}

/// The events of a request body, as they stand in it.
pub(crate) fn events_of(body: &[u8]) -> Result<Vec<&RawValue>, Response> {
    serde_json::from_slice::<Body<'_>>(body)
        .map(|body| body.events)
        .map_err(|error| {
            let why = format!("Request body is not a JSON object with a list of events: {error}");
            Response::json(400, &json!({"error": why}))
        })
}

/// Judges the events of an account of `team` and stores the good ones.
///
/// # Errors
/// The response that refuses all of them.
pub(crate) fn judge<'a>(
    events: &[&'a RawValue],
    team: Option<&str>,
    store: &mut Store,
) -> Result<Judgement<'a>, Response> {
    let ids = ids_of(events)?;
    let mut verdicts = Vec::with_capacity(events.len());
    let mut fresh: Vec<(Face<'_>, &str)> = Vec::new();
    let mut fresh_ids: HashMap<&str, &str> = HashMap::new();
    for (event, id) in events.iter().zip(&ids) {
        let event = event.get();
        let verdict = match face_of(event) {
            Err(refusal) => Verdict::Rejected(refusal),
            Ok(face) => {
                if team != Some(face.team_slug.as_ref()) {
                    return Err(foreign_team(&face));
                }
                let known = match fresh_ids.get(id.as_str()) {
                    Some(earlier) => compare(earlier.as_bytes(), event.as_bytes()),
                    None => store.known(id, event).map_err(|error| failed(&error))?,
                };
                match (known, project_refusal(&face, store)) {
                    (Known::Same, _) => Verdict::Duplicate,
                    (Known::Different, _) => Verdict::Rejected(conflict()),
                    (Known::New, Some(refusal)) => Verdict::Rejected(refusal),
                    (Known::New, None) => {
                        fresh_ids.insert(id, event);
                        fresh.push((face, event));
                        Verdict::Stored
                    }
                }
            }
        };
        verdicts.push((id.clone(), verdict));
    }
    store.append(&fresh).map_err(|error| failed(&error))?;
    Ok(Judgement {
        verdicts,
        stored: fresh.into_iter().map(|(_, event)| event).collect(),
    })
}

/// The ids by which the answers will be matched; every event needs one.
fn ids_of(events: &[&RawValue]) -> Result<Vec<String>, Response> {
    let mut ids = Vec::with_capacity(events.len());
    let mut details = Vec::new();
    for (index, event) in events.iter().enumerate() {
        match serde_json::from_str::<Id>(event.get()) {
            Ok(id) if !id.event_id.is_empty() => ids.push(id.event_id),
            _ => details.push(json!({
                "event_id": null,
                "index": index,
                "path": "event_id",
                "error": "event_id: missing or not a text",
                "category": "schema_mismatch",
            })),
        }
    }
    if details.is_empty() {
        Ok(ids)
    } else {
        let body = json!({"error": "Batch validation failed", "details": details});
        Err(Response::json(400, &body))
    }
}

fn face_of(event: &str) -> Result<Face<'_>, Refusal> {
    let refuse = |message: String| Refusal {
        category: "schema_mismatch",
        message,
    };
    crate::event::validate_wire(event.as_bytes()).map_err(|invalid| refuse(invalid.to_string()))?;
    serde_json::from_str(event).map_err(|error| refuse(error.to_string()))
}

/// Events outside a project are never taken, nor those of another team's project.
fn project_refusal(face: &Face<'_>, store: &Store) -> Option<Refusal> {
    let Some(project) = face.project_uuid.as_deref() else {
        return Some(Refusal {
            category: "project_not_admitted",
            message: "project_uuid: an event outside a project is not accepted".to_owned(),
        });
    };
    let owner = store.team_of(project)?;
    (owner != face.team_slug).then(|| Refusal {
        category: "project_not_admitted",
        message: format!("project {} belongs to another team", echo(project)),
    })
}

fn conflict() -> Refusal {
    Refusal {
        category: "conflict",
        message: "event_id is already stored with different content".to_owned(),
    }
}

fn foreign_team(face: &Face<'_>) -> Response {
    let project = face.project_uuid.as_deref().unwrap_or("none");
    let why = format!(
        "Insufficient permissions for team '{}' on project '{}'",
        echo(&face.team_slug),
        echo(project)
    );
    Response::json(403, &json!({"error": why}))
}

fn failed(error: &io::Error) -> Response {
    Response::json(
        500,
        &json!({"error": "Internal error: events cannot be stored"}),
    )
    .with_note(format!("cannot store events: {error}"))
}

fn echo(text: &str) -> String {
    text.chars().take(MAX_ECHO).collect()
}

impl Judgement<'_> {
    /// The body of the answer to a batch.
    pub(crate) fn results(&self) -> Value {
        let results: Vec<Value> = self
            .verdicts
            .iter()
            .map(|(id, verdict)| match verdict {
                Verdict::Stored => json!({"event_id": id, "status": "success"}),
                Verdict::Duplicate => json!({"event_id": id, "status": "duplicate"}),
                Verdict::Rejected(refusal) => json!({
                    "event_id": id,
                    "status": "rejected",
                    "error": refusal.message,
                    "error_message": refusal.message,
                    "error_category": refusal.category,
                    "retryable": false,
                }),
            })
            .collect();
        json!({"results": results})
    }

    /// One line for whoever watches the server.
    pub(crate) fn note(&self) -> String {
        let count = |wanted: fn(&Verdict) -> bool| {
            self.verdicts
                .iter()
                .filter(|(_, verdict)| wanted(verdict))
                .count()
        };
        format!(
            "{} stored, {} duplicate, {} rejected",
            count(|verdict| *verdict == Verdict::Stored),
            count(|verdict| *verdict == Verdict::Duplicate),
            count(|verdict| matches!(verdict, Verdict::Rejected(_)))
        )
    }
}
