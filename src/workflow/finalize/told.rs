//! What was announced of a feature, so that it is announced once.
//!
//! The record lies in the git directory, because it says what this repository
//! told and is nobody else's business. It is written after the events are
//! recorded: a run that is killed in between announces twice, never not at all.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Planned;
use crate::event::{Draft, FeatureCreated, Invalid, Payload, WpCreated};
use crate::workflow::audience::caused_by;
use crate::workflow::feature::Slug;
use crate::workflow::file::read_text;
use crate::workflow::work::Work;

const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// What was told of one feature.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
struct OfFeature {
    /// Title and dependencies of each work package, as they were told.
    work_packages: BTreeMap<String, (String, Vec<String>)>,
}

/// What was told in this repository.
pub(super) struct Told {
    path: PathBuf,
    features: BTreeMap<String, OfFeature>,
}

impl Told {
    /// A record that cannot be read counts as empty.
    pub(super) fn read(work: &Work<'_>) -> Self {
        let path = work
            .scene
            .repository
            .common_dir
            .join("spec-kitty/announced.json");
        let features = read_text(&path, MAX_BYTES)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        Self { path, features }
    }

    /// Tells of the feature, when it is new, and of the work packages that are
    /// new or were told otherwise, in the order of their ids.
    pub(super) fn announce(mut self, work: &mut Work<'_>, plan: &[Planned]) {
        let slug = work.scene.feature.slug.clone();
        let known = self.features.get(slug.as_str());
        let mut drafts = Vec::new();
        if known.is_none() {
            drafts.push(created(work, plan.len()));
        }
        let mut told = known.cloned().unwrap_or_default();
        for wp in plan {
            let needs: Vec<String> = wp.dependencies.iter().map(ToString::to_string).collect();
            let says = (wp.title.clone(), needs);
            if told.work_packages.get(&wp.id.to_string()) != Some(&says) {
                drafts.push(wp_created(&slug, wp, &says.1));
                told.work_packages.insert(wp.id.to_string(), says);
            }
        }
        if drafts.is_empty() {
            return;
        }
        let cause = work.audience.cause();
        work.audience.record(caused_by(cause, drafts));
        self.features.insert(slug.to_string(), told);
        self.write();
    }

    /// Left unwritten, the same is told again; that is no reason to fail.
    fn write(&self) {
        let Some(dir) = self.path.parent() else {
            return;
        };
        let written = serde_json::to_vec(&self.features)
            .map_err(std::io::Error::from)
            .and_then(|text| {
                let mut temp = tempfile::NamedTempFile::new_in(dir)?;
                temp.write_all(&text)?;
                temp.persist(&self.path)?;
                Ok(())
            });
        drop(written);
    }
}

fn created(work: &Work<'_>, wp_count: usize) -> Result<Draft, Invalid> {
    let scene = &work.scene;
    let slug = scene.feature.slug.as_str();
    let number = scene.meta.number().unwrap_or(scene.feature.slug.number());
    let target = scene
        .meta
        .target()
        .or(scene.head.branch())
        .unwrap_or_default();
    let count = u32::try_from(wp_count).unwrap_or(u32::MAX);
    let mut event = FeatureCreated::new(slug, number, target, count);
    if let Some(at) = scene.meta.created_at() {
        event = event.created_at(at);
    }
    event.into_draft()
}

fn wp_created(slug: &Slug, wp: &Planned, needs: &[String]) -> Result<Draft, Invalid> {
    WpCreated::new(wp.id.to_string(), &wp.title, slug.as_str())
        .dependencies(needs)
        .into_draft()
}
