//! The contract, route by route, without a socket.

use tempfile::TempDir;

use super::super::tokens::Lifetimes;
use super::*;

mod batches;

const T0: i64 = 1_800_000_000;

struct Bench {
    service: Service,
    dir: TempDir,
}

fn account(name: &str, team: Option<&str>) -> Account {
    Account {
        name: name.to_owned(),
        team: team.map(str::to_owned),
    }
}

fn service_in(dir: &TempDir) -> Service {
    let accounts = vec![
        account("demo", Some("acme")),
        account("other", Some("other-team")),
        account("loner", None),
    ];
    Service::new(
        accounts,
        "secret".into(),
        Limits::default(),
        Tokens::open(&dir.path().join("sessions.json"), Lifetimes::default()).unwrap(),
        Store::open(&dir.path().join("events.ndjson")).unwrap(),
    )
}

fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    Bench {
        service: service_in(&dir),
        dir,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(T0 + second).unwrap()
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn post(path: &str, json: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", path)
        .with_header("Content-Type", "application/json; charset=utf-8")
        .with_body(json)
}

/// A valid event number `n` of team `acme`.
fn event(n: u64) -> Value {
    json!({
        "event_id": format!("01HX8T4J6QW2V0N5YB3K7M{n:04}"),
        "event_type": "WPStatusChanged",
        "aggregate_id": "WP01",
        "aggregate_type": "WorkPackage",
        "payload": {"wp_id": "WP01", "previous_status": "planned", "new_status": "doing"},
        "node_id": "b805cd5cee74",
        "lamport_clock": n,
        "causation_id": null,
        "timestamp": "2026-11-22T10:11:33.702142+00:00",
        "team_slug": "acme",
        "project_uuid": "44a34391-86d8-4159-abf1-e0b4d3abc746",
        "project_slug": "widgets",
    })
}

fn with(n: u64, key: &str, value: Value) -> Value {
    let mut event = event(n);
    event[key] = value;
    event
}

impl Bench {
    fn login(&self, user: &str) -> Value {
        let login = json!({"username": user, "password": "secret"}).to_string();
        let response = self.service.handle(&post("/api/v1/token/", login), at(0));
        assert_eq!(response.status(), 200);
        body(&response)
    }

    fn access(&self, user: &str) -> String {
        self.login(user)["access"].as_str().unwrap().to_owned()
    }

    fn refresh(&self, token: &Value, second: i64) -> Response {
        let request = post(
            "/api/v1/token/refresh/",
            json!({"refresh": token}).to_string(),
        );
        self.service.handle(&request, at(second))
    }

    fn send_text(&self, user: &str, text: &str) -> Response {
        let bearer = format!("Bearer {}", self.access(user));
        let request = post("/api/v1/events/batch/", text).with_header("Authorization", &bearer);
        self.service.handle(&request, at(1))
    }

    fn send(&self, events: &[Value]) -> Response {
        self.send_text("demo", &json!({"events": events}).to_string())
    }

    fn statuses(&self, events: &[Value]) -> Vec<String> {
        let response = self.send(events);
        assert_eq!(response.status(), 200, "{}", body(&response));
        body(&response)["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["status"].as_str().unwrap().to_owned())
            .collect()
    }

    fn stored(&self) -> Vec<Value> {
        std::fs::read_to_string(self.dir.path().join("events.ndjson"))
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[test]
fn signing_in_gives_tokens_lifetimes_and_the_team() {
    let bench = bench();
    let reply = bench.login("demo");
    assert_eq!(reply["team_slug"], "acme");
    assert_eq!(reply["access_lifetime"], 900);
    assert_eq!(reply["refresh_lifetime"], 604_800);
    assert!(bench.login("loner").get("team_slug").is_none());
}

#[test]
fn wrong_names_and_passwords_are_refused_alike() {
    let bench = bench();
    let mut answers = Vec::new();
    for (user, password) in [("demo", "Secret"), ("nobody", "secret"), ("demo", "")] {
        let login = json!({"username": user, "password": password}).to_string();
        let response = bench.service.handle(&post("/api/v1/token/", login), at(0));
        assert_eq!(response.status(), 401);
        answers.push(response.body().to_vec());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[test]
fn a_refresh_rotates_both_tokens_and_a_spent_one_is_refused() {
    let bench = bench();
    let first = bench.login("demo");
    let second = bench.refresh(&first["refresh"], 1);
    assert_eq!(second.status(), 200);
    let second = body(&second);
    assert_ne!(first["refresh"], second["refresh"]);
    assert_ne!(first["access"], second["access"]);
    assert_eq!(bench.refresh(&first["refresh"], 2).status(), 401);
    assert_eq!(bench.refresh(&second["access"], 2).status(), 401);
    assert_eq!(bench.refresh(&second["refresh"], 604_801).status(), 401);
}

#[test]
fn sessions_and_events_survive_a_restart() {
    let bench = bench();
    let login = bench.login("demo");
    assert_eq!(bench.statuses(&[event(1)]), ["success"]);
    let Bench { service, dir } = bench;
    drop(service);
    let bench = Bench {
        service: service_in(&dir),
        dir,
    };
    assert_eq!(bench.refresh(&login["refresh"], 5).status(), 200);
    assert_eq!(
        bench.statuses(&[event(1), event(2)]),
        ["duplicate", "success"]
    );
}

#[test]
fn routes_need_their_slash_their_method_and_their_token() {
    let bench = bench();
    let status = |method: &str, path: &str| {
        bench
            .service
            .handle(&Request::new(method, path), at(0))
            .status()
    };
    for path in ["token", "token/refresh", "ws-token", "events/batch"] {
        assert_eq!(status("POST", &format!("/api/v1/{path}")), 404);
        assert_eq!(status("GET", &format!("/api/v1/{path}/")), 405);
    }
    assert_eq!(status("GET", "/"), 404);
    assert_eq!(status("GET", "/api/v1/sync/health"), 404);
    assert_eq!(status("GET", "/api/v1/sync/health/"), 401);
    assert_eq!(status("POST", "/api/v1/events/batch/"), 401);
    assert_eq!(status("POST", "/api/v1/ws-token/"), 401);
    assert_eq!(status("GET", SOCKET_PATH), 400);
}

#[test]
fn each_token_opens_its_own_doors_in_its_own_time() {
    let bench = bench();
    let login = bench.login("demo");
    let health = |token: &Value, second: i64, team: &str| {
        let request = Request::new("GET", "/api/v1/sync/health/")
            .with_header(
                "Authorization",
                &format!("Bearer {}", token.as_str().unwrap()),
            )
            .with_header("X-Team-Slug", team);
        bench.service.handle(&request, at(second))
    };
    let response = health(&login["access"], 899, "acme");
    assert_eq!(response.status(), 200);
    let limits = &body(&response)["sync_ingress"]["limits"];
    assert_eq!(limits["max_events_per_batch"], 1000);
    assert_eq!(health(&login["access"], 900, "acme").status(), 401);
    assert_eq!(health(&login["access"], 0, "other-team").status(), 403);
    assert_eq!(health(&login["refresh"], 0, "acme").status(), 401);
    assert_eq!(health(&json!(""), 0, "acme").status(), 401);
}

#[test]
fn only_a_member_of_a_team_gets_a_socket_token() {
    let bench = bench();
    let ask = |user: &str| {
        let bearer = format!("Bearer {}", bench.access(user));
        let request =
            Request::new("POST", "/api/v1/ws-token/").with_header("Authorization", &bearer);
        bench.service.handle(&request, at(0))
    };
    let response = ask("demo");
    let token = body(&response)["ws_token"].as_str().unwrap().to_owned();
    let open =
        Request::new("GET", SOCKET_PATH).with_header("Authorization", &format!("bearer {token}"));
    assert!(bench.service.caller(&open, Use::Socket, T0 + 299).is_ok());
    assert!(bench.service.caller(&open, Use::Socket, T0 + 300).is_err());
    assert!(bench.service.caller(&open, Use::Access, T0).is_err());
    assert_eq!(ask("loner").status(), 403);
}

#[test]
fn a_malformed_login_is_not_repeated_in_the_answer() {
    let bench = bench();
    for text in [
        r#"{"username":"demo","password":["hunter2"]}"#,
        r#"{"username":"demo","password":hunter2}"#,
        r#"{"username":"demo"}"#,
    ] {
        let response = bench.service.handle(&post("/api/v1/token/", text), at(0));
        assert_eq!(response.status(), 400);
        assert!(!String::from_utf8_lossy(response.body()).contains("hunter2"));
    }
}
