//! What an event says about where and by whom it was recorded.
//!
//! Gathered anew for every call: a branch is switched and a session ends while
//! a long-lived process runs, and the look takes a few small reads. Everything
//! here is optional; what cannot be found out is left out, and why is a note.

use std::path::{Path, PathBuf};

use crate::emitter::git_fields;
use crate::emitter::identity;
use crate::emitter::place::{self, Place};
use crate::emitter::project::{self, Defaults, Looked, ProjectFacts, ProjectProblem, Wishes};
use crate::emitter::receipt::EmitNote;
use crate::emitter::recipient::Recipient;
use crate::emitter::remote;
use crate::event::Context;
use crate::home::Home;

/// The context of an event that is recorded at `timestamp_us` in `directory`,
/// the node left open: that is the log's to say; and what its project asks for.
pub(super) fn gather(
    home: &Home,
    directory: &Path,
    user_home: Option<&Path>,
    recipient: &Recipient,
    timestamp_us: i64,
    notes: &mut Vec<EmitNote>,
) -> (Context, Wishes) {
    let place = place::find(directory, user_home);
    let git = place.git.as_ref().map(git_fields::read).unwrap_or_default();
    let project = project_facts(home, &place);
    notes.extend(project.problem.map(EmitNote::Project));
    let (target, team_slug) = recipient.now(home, notes);
    let mut context = Context {
        node_id: String::new(),
        team_slug,
        project_uuid: None,
        project_slug: None,
        git_branch: git.git_branch,
        head_commit_sha: git.head_commit_sha,
        repo_slug: git.repo_slug,
        timestamp_us,
        target,
        opted_out: project.wishes.opted_out,
    };
    if let Some(identity) = project.identity {
        context.project_uuid = Some(identity.uuid);
        context.project_slug = Some(identity.slug);
        context.repo_slug = identity.repo_slug.or(context.repo_slug);
    }
    (context, project.wishes)
}

/// The project around `directory`, and what its file says; `None` where there is
/// none. Changes nothing.
#[must_use]
pub(crate) fn look_at_project(
    directory: &Path,
) -> Option<(PathBuf, Result<Looked, ProjectProblem>)> {
    let user_home = std::env::home_dir();
    let root = place::find(directory, user_home.as_deref()).project_root?;
    let looked = project::look(&root);
    Some((root, looked))
}

fn project_facts(home: &Home, place: &Place) -> ProjectFacts {
    place
        .project_root
        .as_ref()
        .map(|root| {
            let defaults = Made { home, place, root };
            project::resolve(root, &defaults)
        })
        .unwrap_or_default()
}

/// What a project's identity is made up from.
struct Made<'a> {
    home: &'a Home,
    place: &'a Place,
    root: &'a PathBuf,
}

impl Defaults for Made<'_> {
    fn slug(&self) -> String {
        let of_origin = || remote::repo_name(&self.place.git.as_ref()?.common_dir);
        let of_directory = || Some(self.root.file_name()?.to_string_lossy().into_owned());
        project::slug_from(&of_origin().or_else(of_directory).unwrap_or_default())
    }

    fn node_id(&self) -> String {
        identity::origin(self.home).node_id.to_string()
    }
}
