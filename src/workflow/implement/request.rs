//! What is asked for, checked before anything is looked at.

use super::error::ImplementError;
use crate::event::Lane;
use crate::workflow::options::name;
use crate::workflow::trouble::Trouble;
use crate::workflow::work_package::{WorkPackage, WpId};

/// The arguments of the command as they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawImplement {
    /// The work package.
    pub wp: String,
    /// `--base`
    pub base: Option<String>,
    /// `--feature`
    pub feature: Option<String>,
    /// `--agent`
    pub agent: Option<String>,
    /// `--assignee`
    pub assignee: Option<String>,
    /// `--shell-pid`, or the process that ran the command.
    pub shell_pid: Option<u32>,
    /// `--force`
    pub force: bool,
}

/// A work package to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImplementRequest {
    /// The work package.
    pub wp: WpId,
    /// The work package to build on, instead of the declared ones.
    pub base: Option<WpId>,
    /// The feature, unchecked.
    pub feature: Option<String>,
    /// Who begins it.
    pub agent: Option<String>,
    /// Whom it is assigned to.
    pub assignee: Option<String>,
    /// The process id of the agent's shell.
    pub shell_pid: Option<u32>,
    /// Whether to begin although a dependency was not begun, or another agent is at it.
    pub force: bool,
}

impl ImplementRequest {
    /// Checks the arguments.
    ///
    /// # Errors
    /// When an id is none, a work package would build on itself, or a value
    /// cannot be written.
    pub(crate) fn parse(raw: RawImplement) -> Result<Self, ImplementError> {
        let parse = |text: &str| text.trim().parse::<WpId>().map_err(Trouble::WpId);
        let wp = parse(&raw.wp)?;
        let base = raw.base.as_deref().map(parse).transpose()?;
        if base == Some(wp) {
            return Err(ImplementError::OnItself { wp });
        }
        Ok(Self {
            wp,
            base,
            feature: raw.feature,
            agent: name("--agent", raw.agent).map_err(Trouble::from)?,
            assignee: name("--assignee", raw.assignee).map_err(Trouble::from)?,
            shell_pid: raw.shell_pid,
            force: raw.force,
        })
    }

    /// Refuses what another agent is at.
    pub(super) fn check_owner(&self, wp: &WorkPackage) -> Result<(), ImplementError> {
        match (wp.data.text("agent"), &self.agent) {
            (Some(owner), Some(agent))
                if wp.lane == Lane::Doing && owner != agent && !self.force =>
            {
                Err(ImplementError::Taken {
                    wp: wp.id,
                    owner: owner.to_owned(),
                    agent: agent.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}
