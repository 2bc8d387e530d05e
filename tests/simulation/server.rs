//! Two servers that keep what they said they keep, and say so badly.
//!
//! A server is held to nothing but this: what it answered `success` or
//! `duplicate` for, it has. It may take an event and lose the answer, answer a
//! part, refuse for now or for good, refuse a request as a whole without a
//! reason, ask to wait, or break off.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use spec_kitty::auth::client::RefreshError;
use spec_kitty::auth::http::{Answer, BodyEnd, NoAnswer};
use spec_kitty::sync::Line;

use crate::cast::{Deed, Who, token_of_id};
use crate::coverage::{Op, Situation};
use crate::plant::Bug;
use crate::world::{Dies, Machine, Process};

/// What one server holds.
#[derive(Clone, Debug, Default)]
pub struct Server {
    held: BTreeSet<u64>,
    /// What it refused, ever.
    pub refused: BTreeSet<u64>,
}

impl Server {
    pub fn holds(&self, token: u64) -> bool {
        self.held.contains(&token)
    }

    pub fn held(&self) -> impl Iterator<Item = u64> + '_ {
        self.held.iter().copied()
    }
}

/// The place of an account's server.
pub fn server_of(who: Who) -> usize {
    usize::from(who == Who::Bob)
}

/// How one request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Fine,
    Unreachable,
    ReplyLost,
    ReplyCut,
    Broken,
    Partial,
    Promises,
    RefusesForNow,
    Unexplained,
    TooLarge,
    AsksToWait,
    Unauthorized,
}

const BAD_MOODS: [Mood; 13] = [
    Mood::Unreachable,
    Mood::ReplyLost,
    Mood::ReplyLost,
    Mood::ReplyLost,
    Mood::ReplyCut,
    Mood::Broken,
    Mood::Partial,
    Mood::Promises,
    Mood::RefusesForNow,
    Mood::Unexplained,
    Mood::TooLarge,
    Mood::AsksToWait,
    Mood::Unauthorized,
];

/// The line of one sender to the server of `who`.
pub struct SimLine<'a> {
    pub process: &'a Process,
    pub who: Who,
    /// What a sender that writes down before it has an answer still has to send.
    unsent: Vec<Deed>,
}

impl<'a> SimLine<'a> {
    pub fn new(process: &'a Process, who: Who) -> Self {
        Self {
            process,
            who,
            unsent: Vec::new(),
        }
    }

    fn answer(&mut self, machine: &mut Machine, deeds: &[Deed], dies: Dies) -> Reply {
        let chance = machine.faults.bad_server;
        let mut mood = Mood::Fine;
        if chance > 0 && machine.rng.chance(chance, 100) {
            let index = machine.rng.below(BAD_MOODS.len() as u64);
            mood = BAD_MOODS[usize::try_from(index).unwrap()];
        }
        if dies == Dies::Now {
            mood = if machine.rng.chance(1, 3) {
                Mood::Unreachable
            } else {
                Mood::ReplyLost
            };
        }
        machine.note(|| {
            let tokens: Vec<u64> = deeds.iter().map(|deed| deed.token).collect();
            format!("   … {tokens:?} to {:?}: {mood:?}", self.who)
        });
        if mood == Mood::ReplyLost {
            machine.lasting.coverage.saw(Situation::ReplyLost);
        }
        let poisoned = deeds.iter().any(|deed| deed.poisoned);
        match mood {
            Mood::Unreachable => return silence(),
            Mood::Broken => return reply(500, "<html>", BodyEnd::Whole),
            Mood::Unauthorized => return reply(401, "{}", BodyEnd::Whole),
            Mood::AsksToWait => {
                let mut reply = reply(429, "{}", BodyEnd::Whole);
                if let Ok(answer) = &mut reply {
                    answer.retry_after = Some((machine.rng.below(60) + 1).to_string());
                }
                return reply;
            }
            Mood::TooLarge if deeds.len() > 3 => return reply(413, "{}", BodyEnd::Whole),
            Mood::Unexplained if poisoned || machine.rng.chance(1, 4) => {
                // Nobody else is to blame for what was refused all alone.
                if let [alone] = deeds {
                    let server = &mut machine.lasting.servers[server_of(self.who)];
                    server.refused.insert(alone.token);
                }
                return reply(400, "{}", BodyEnd::Whole);
            }
            _ => {}
        }
        let body = self.results(machine, deeds, mood);
        match mood {
            Mood::ReplyLost => silence(),
            Mood::ReplyCut => reply(200, &body[..body.len() / 2], BodyEnd::Cut),
            _ => reply(200, &body, BodyEnd::Whole),
        }
    }

    /// Takes what it takes, and says so event by event.
    fn results(&mut self, machine: &mut Machine, deeds: &[Deed], mood: Mood) -> String {
        let place = server_of(self.who);
        let mut body = String::from("{\"results\":[");
        for deed in deeds {
            let skipped = mood == Mood::Partial && machine.rng.chance(1, 2);
            let for_now = mood == Mood::RefusesForNow && machine.rng.chance(1, 2);
            let promised = mood == Mood::Promises && machine.rng.chance(1, 2);
            let kept = !skipped || machine.rng.chance(1, 2);
            let server = &mut machine.lasting.servers[place];
            let status = if deed.poisoned {
                server.refused.insert(deed.token);
                "\"rejected\",\"retryable\":false,\"error_code\":\"event_conflict\""
            } else if for_now {
                server.refused.insert(deed.token);
                "\"rejected\",\"retryable\":true"
            } else if promised {
                "\"queued\""
            } else if !kept {
                "\"unknown\""
            } else if server.held.insert(deed.token) {
                "\"success\""
            } else {
                "\"duplicate\""
            };
            if for_now || deed.poisoned {
                machine.lasting.coverage.saw(Situation::Refused);
            }
            if status == "\"duplicate\"" {
                machine.lasting.coverage.saw(Situation::Duplicate);
            }
            if !skipped {
                let comma = if body.ends_with('}') { "," } else { "" };
                let _ = write!(
                    body,
                    "{comma}{{\"event_id\":\"{}\",\"status\":{status}}}",
                    deed.id()
                );
            }
        }
        body.push_str("]}");
        body
    }

    /// What is in a request, held to what must be in it.
    fn read(&self, machine: &mut Machine, body: &[u8]) -> Vec<Deed> {
        let parsed: serde_json::Value = serde_json::from_slice(body).unwrap();
        let ids = parsed["events"].as_array().unwrap().iter();
        let deeds: Vec<Deed> = ids
            .map(|event| event["event_id"].as_str().and_then(token_of_id).unwrap())
            .map(Deed::of)
            .collect();
        let events: Vec<String> = deeds.iter().map(Deed::json).collect();
        let expected = format!("{{\"events\":[{}]}}", events.join(","));
        let mut wrong = (expected.as_bytes() != body).then(|| "other bytes were sent".to_owned());
        for deed in &deeds {
            let other = match deed.who {
                Who::Nobody => false,
                Who::AliceWithoutTeam => self.who != Who::Alice,
                owner => owner != self.who,
            };
            if other {
                wrong = Some(format!("record {} went to {:?}", deed.token, self.who));
            }
            if deed.opted_out || deed.project != deeds[0].project {
                wrong = Some(format!("record {} was in this request", deed.token));
            }
        }
        if let Some(wrong) = wrong {
            machine.violation.get_or_insert(wrong);
        }
        deeds
    }

    /// With the planted bug: says yes at once, and sends later.
    fn answers_too_early(&mut self, machine: &mut Machine, deeds: &[Deed]) -> Reply {
        self.deliver_late(machine);
        self.unsent.extend_from_slice(deeds);
        let ids = deeds.iter().map(Deed::id);
        let all = ids.map(|id| format!("{{\"event_id\":\"{id}\",\"status\":\"success\"}}"));
        let body = format!("{{\"results\":[{}]}}", all.collect::<Vec<_>>().join(","));
        reply(200, &body, BodyEnd::Whole)
    }

    fn deliver_late(&mut self, machine: &mut Machine) {
        let unsent = std::mem::take(&mut self.unsent);
        let tokens = unsent.iter().map(|deed| deed.token);
        machine.lasting.servers[server_of(self.who)]
            .held
            .extend(tokens);
    }

    /// The end of a pass.
    pub fn hang_up(mut self) {
        if self.process.is_alive() {
            let mut machine = self.process.world.machine();
            self.deliver_late(&mut machine);
        }
    }
}

type Reply = Result<Answer, NoAnswer>;

fn reply(status: u16, body: &str, end: BodyEnd) -> Reply {
    Ok(Answer {
        status,
        retry_after: None,
        location: None,
        body: body.as_bytes().to_vec(),
        end,
    })
}

fn silence() -> Reply {
    Err(NoAnswer::Connection {
        host: "a.example.org".into(),
        reason: "reset".into(),
    })
}

impl Line for SimLine<'_> {
    fn post(&mut self, body: &[u8]) -> (Reply, u64) {
        let turned = self.process.turn(Op::Post, || format!("{:?}", self.who));
        let Ok((mut machine, dies)) = turned else {
            return (silence(), 0);
        };
        machine.lasting.coverage.saw(Situation::Request);
        let deeds = self.read(&mut machine, body);
        let early = self.process.world.bug() == Some(Bug::CursorBeforeData);
        let answer = if early && dies == Dies::NotYet {
            self.answers_too_early(&mut machine, &deeds)
        } else {
            self.answer(&mut machine, &deeds, dies)
        };
        (answer, body.len() as u64)
    }

    fn ensure_fresh(&mut self) -> Result<(), RefreshError> {
        Ok(())
    }

    fn refresh(&mut self) -> Result<(), RefreshError> {
        Ok(())
    }

    fn now(&self) -> Timestamp {
        let now_us = self.process.world.machine().lasting.now_us;
        Timestamp::from_microsecond(now_us).unwrap()
    }

    fn pause(&mut self, pause: Duration) {
        if self.process.is_alive() {
            let mut machine = self.process.world.machine();
            machine.lasting.now_us += i64::try_from(pause.as_micros()).unwrap();
        }
    }

    fn interrupted(&self) -> bool {
        !self.process.is_alive()
    }

    fn reads_ahead(&self) -> bool {
        false
    }
}
