//! What has to be settled before anything is merged: for all work packages at
//! once, so that nobody has to run it seven times.

use super::error::MergeError;
use crate::event::Lane;
use crate::workflow::git::worktree::{Standing, standing};
use crate::workflow::git::{
    ChangeKind, Git, Repository, changes, holds_commit, is_merged_by_subject, tip,
};
use crate::workflow::graph::{Graph, cycles, order};
use crate::workflow::meta::read_workspace;
use crate::workflow::project::is_own_file;
use crate::workflow::trouble::Trouble;
use crate::workflow::work::Work;
use crate::workflow::work_package::{WorkPackage, WpId, list};

/// A work package to be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its id.
    pub wp: WpId,
    /// Its lane.
    pub lane: Lane,
    /// Its branch.
    pub branch: String,
    /// The commit of the branch; none when it was merged and deleted before.
    pub commit: Option<String>,
    /// Whether the target holds it already.
    pub is_held: bool,
}

/// The subject of the commit that merges a work package.
pub(super) fn subject(wp: WpId, slug: &str) -> String {
    format!("Merge {wp} from {slug}")
}

/// The work packages in the order in which they are merged.
pub(super) fn parts(work: &Work<'_>) -> Result<Vec<Part>, MergeError> {
    let tasks_dir = work.scene.feature.tasks_dir();
    let mut graph = Graph::new();
    let mut lanes = Vec::new();
    for (id, name) in list(&tasks_dir)? {
        let wp = WorkPackage::read(id, &tasks_dir.join(name)).map_err(Trouble::from)?;
        lanes.push((id, wp.lane));
        graph.insert(id, wp.dependencies());
    }
    if !cycles(&graph).is_empty() {
        return Err(MergeError::Cycle);
    }
    let git = work.git();
    let mut parts = Vec::new();
    for wp in order(&graph) {
        let branch = work.scene.workspace(wp);
        let commit = tip(&git, &branch)?;
        let is_held = match &commit {
            Some(commit) => holds_commit(&git, commit, "HEAD")?,
            None => true,
        };
        let lane = lanes
            .iter()
            .find(|(id, _)| *id == wp)
            .map_or(Lane::Planned, |(_, lane)| *lane);
        parts.push(Part {
            wp,
            lane,
            branch,
            commit,
            is_held,
        });
    }
    Ok(parts)
}

/// Everything that has to be settled, in words.
pub(super) fn problems(work: &Work<'_>, parts: &[Part]) -> Result<Vec<String>, MergeError> {
    let mut problems = main_tree(&work.git())?;
    if parts.is_empty() {
        problems.push("the feature has no work packages".into());
    }
    for part in parts {
        if let Some(problem) = of_part(work, part)? {
            problems.push(format!("{} {problem}", part.wp));
        }
    }
    Ok(problems)
}

/// Tracked files must be as they were committed: a merge changes them.
pub(super) fn main_tree(git: &Git<'_>) -> Result<Vec<String>, MergeError> {
    let changed = changes(git, None)?;
    let tracked: Vec<String> = changed
        .into_iter()
        .filter(|change| change.kind != ChangeKind::Untracked && !is_own_file(&change.path))
        .map(|change| change.path)
        .collect();
    Ok(match tracked.as_slice() {
        [] => Vec::new(),
        paths => vec![format!(
            "the main repository has uncommitted changes: {}",
            paths.join(", ")
        )],
    })
}

fn of_part(work: &Work<'_>, part: &Part) -> Result<Option<String>, MergeError> {
    let git = work.git();
    let slug = work.scene.feature.slug.as_str();
    let Some(commit) = &part.commit else {
        let was_merged =
            part.lane == Lane::Done || is_merged_by_subject(&git, &subject(part.wp, slug), "HEAD")?;
        return Ok((!was_merged).then(|| {
            format!(
                "has no branch: spec-kitty implement {} --feature {slug}",
                part.wp
            )
        }));
    };
    if part.lane == Lane::Planned {
        return Ok(Some("is in planned, so its work is not finished".into()));
    }
    let record = read_workspace(&work.scene.project.root, &part.branch).map_err(Trouble::from)?;
    let begun_at = record.and_then(|record| record.base_commit);
    if part.lane == Lane::Doing && begun_at.as_ref() == Some(commit) {
        return Ok(Some("is in doing and has no commit of its own".into()));
    }
    let path = work.scene.project.worktree(&part.branch);
    let shown = work.relative(&path);
    let shown = shown.display();
    let head = match standing(&git, &path)? {
        Standing::Absent => return Ok(None),
        Standing::Other => {
            return Ok(Some(format!(
                "has something else than a worktree in {shown}"
            )));
        }
        Standing::HalfMade => {
            return Ok(Some(format!(
                "has a half-made worktree: spec-kitty implement {}",
                part.wp
            )));
        }
        Standing::Present(head) => head,
    };
    if head.branch() != Some(part.branch.as_str()) {
        return Ok(Some(format!(
            "has a worktree that is on another branch: git -C {shown} switch {}",
            part.branch
        )));
    }
    let own = Git { dir: &path, ..git };
    if let Some(operation) = Repository::find(&own)?.operation() {
        let verb = operation.command();
        return Ok(Some(format!(
            "is in the middle of a {verb}: git -C {shown} {verb} --continue"
        )));
    }
    let dirty: Vec<String> = changes(&own, None)?
        .into_iter()
        .map(|change| change.path)
        .filter(|path| !is_own_file(path))
        .collect();
    Ok((!dirty.is_empty())
        .then(|| format!("has uncommitted work in {shown}: {}", dirty.join(", "))))
}
